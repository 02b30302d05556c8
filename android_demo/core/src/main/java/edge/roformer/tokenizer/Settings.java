package edge.roformer.tokenizer;

import edge.roformer.BundleException;
import edge.roformer.json.Fields;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The tokenizer's part of a manifest, checked. */
final class Settings {
  private static final String[] SPECIAL =
      {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};
  private static final String[] NAMES = {
    "mode", "do_lower_case", "do_basic_tokenize", "never_split", "tokenize_chinese_chars", "strip_accents",
    "model_max_length", "padding_side", "truncation_side", "clean_up_tokenization_spaces", "split_special_tokens",
    "model_input_names", "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
    "additional_special_tokens", "extra_special_tokens", "added_tokens_decoder", "pipeline"
  };

  final String mode;
  final boolean lowerCase;
  final boolean basic;
  final Set<String> neverSplit = new LinkedHashSet<>();
  final boolean ideographs;
  final boolean stripAccents;
  final int maxLength;
  final boolean padLeft;
  final boolean truncateLeft;
  final boolean splitSpecial;
  final boolean typed;
  // name of a special token -> its content; those that are null are left out
  final Map<String, String> named = new LinkedHashMap<>();
  // contents of all special tokens, in the order of transformers
  final Set<String> special = new LinkedHashSet<>();
  // by id, in the order of the manifest
  final Map<Integer, AddedToken> added = new LinkedHashMap<>();

  Settings(Fields fields) {
    fields.exactly(NAMES);
    mode = fields.text("mode");
    if (!mode.equals("slow") && !mode.equals("fast") && !mode.equals("bert")) {
      throw fields.wrong("mode", "slow, fast or bert, which are the modes that this reader has", mode);
    }
    if (!fields.isNull("pipeline")) {
      throw new BundleException("the bundle's tokenizer follows the steps of a tokenizer.json, which this reader does "
          + "not; deploy the checkpoint with its vocab.txt and one of the modes slow, fast and bert");
    }
    lowerCase = fields.flag("do_lower_case");
    basic = fields.flag("do_basic_tokenize");
    if (!fields.isNull("never_split")) {
      neverSplit.addAll(fields.texts("never_split"));
    }
    if (mode.equals("bert") && (!basic || !neverSplit.isEmpty())) {
      throw fields.wrong("do_basic_tokenize and never_split", "true and null in the mode bert", "others");
    }
    ideographs = fields.flag("tokenize_chinese_chars");
    stripAccents = fields.isNull("strip_accents") ? lowerCase : fields.flag("strip_accents");
    maxLength = (int) Math.min(Integer.MAX_VALUE, fields.whole("model_max_length", 1));
    padLeft = isLeft(fields, "padding_side");
    truncateLeft = isLeft(fields, "truncation_side");
    fields.flag("clean_up_tokenization_spaces");
    splitSpecial = fields.flag("split_special_tokens");
    typed = fields.texts("model_input_names").contains("token_type_ids");
    Fields tokens = fields.object("added_tokens_decoder");
    for (String id : tokens.names()) {
      if (!id.matches("[0-9]{1,9}")) {
        throw tokens.wrong("an id", "a whole number", id);
      }
      added.put(Integer.valueOf(id), AddedToken.read(tokens.object(id)));
    }
    for (String name : SPECIAL) {
      if (!fields.isNull(name)) {
        named.put(name, fields.text(name));
        special.add(fields.text(name));
      }
    }
    special.addAll(fields.texts("additional_special_tokens"));
    special.addAll(fields.textsByName("extra_special_tokens").values());
    for (String name : new String[] {"unk_token", "sep_token", "pad_token", "cls_token"}) {
      if (!named.containsKey(name)) {
        throw fields.wrong(name, "a text", null);
      }
    }
  }

  /** Returns the added tokens that the settings list, by ascending id. */
  List<AddedToken> addedInOrder() {
    List<AddedToken> found = new ArrayList<>();
    for (Integer id : new java.util.TreeSet<>(added.keySet())) {
      found.add(added.get(id));
    }
    return found;
  }

  private static boolean isLeft(Fields fields, String name) {
    String side = fields.text(name);
    if (!side.equals("left") && !side.equals("right")) {
      throw fields.wrong(name, "right or left", side);
    }
    return side.equals("left");
  }
}
