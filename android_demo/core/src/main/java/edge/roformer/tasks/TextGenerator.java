package edge.roformer.tasks;

import edge.roformer.BundleException;
import edge.roformer.EngineException;
import edge.roformer.TextException;
import edge.roformer.bundle.Bundle;
import edge.roformer.bundle.Signature;
import edge.roformer.engine.Engine;
import edge.roformer.engine.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Continues prompts, token by token.
 *
 * <p>Keys and values are kept from step to step, so that a token costs the work of one token. A graph for fixed lengths
 * keeps nothing, and computes all tokens anew for each.
 */
public final class TextGenerator extends Pipeline {
  // letters of scripts that write no spaces between words begin here (CJK radicals)
  private static final int IDEOGRAPHS = 0x2E80;

  private final Signature signature;
  private final int separator;

  TextGenerator(Bundle bundle, Engine engine, LoadOptions options) {
    super(bundle, engine, options, TaskFacts.TOKENS);
    signature = bundle.manifest().signatures().get(Signature.DEFAULT);
    separator = model.tokenizer.specialId("sep_token");
    if (separator < 0) {
      close();
      throw new BundleException("the tokenizer has no separator token, which text-generation needs");
    }
  }

  /**
   * Continues a prompt until the separator, or until enough tokens are there.
   *
   * @param prompt the prompt
   * @param most how many tokens to add at most
   * @param sampling how each is chosen
   * @return the prompt and its continuation
   * @throws TextException the prompt cannot be read, or is too long
   */
  public Generated answer(String prompt, int most, Sampling sampling) {
    checkCount("most", most);
    TextModel.checkText(prompt, "the prompt");
    int[] whole = model.tokenizer.encode(prompt, null).ids();
    List<Integer> ids = new ArrayList<>();
    // without the separator at its end: the model is to go on
    for (int at = 0; at < whole.length - 1; at++) {
      ids.add(whole[at]);
    }
    if (ids.size() > model.maxLength) {
      throw new TextException("the prompt has " + ids.size() + " tokens with the one in front, and the model takes "
          + model.maxLength + " at most; shorten it");
    }
    int start = ids.size();
    boolean ended = false;
    Cache cache = new Cache();
    while (!ended && ids.size() - start < most && ids.size() <= model.maxLength) {
      float[] logits = model.isCached() ? cache.next(ids) : anew(ids);
      TextModel.checkFinite("logits", logits);
      int next = sampling.next(logits, Math.min(logits.length, model.tokenizer.size()), ids);
      ended = next == separator;
      if (!ended) {
        ids.add(next);
      }
    }
    return generated(prompt, ids.subList(start, ids.size()), ended);
  }

  private float[] anew(List<Integer> ids) {
    return model.run(new Row(array(ids), new int[ids.size()]), new int[] {ids.size() - 1}).get("logits");
  }

  private static int[] array(List<Integer> items) {
    int[] found = new int[items.size()];
    for (int at = 0; at < found.length; at++) {
      found[at] = items.get(at);
    }
    return found;
  }

  private Generated generated(String prompt, List<Integer> added, boolean ended) {
    Set<Integer> special = model.tokenizer.specialIds();
    StringBuilder text = new StringBuilder();
    int last = prompt.isEmpty() ? 0 : prompt.codePointBefore(prompt.length());
    for (int id : added) {
      String token = model.tokenizer.token(id);
      if (special.contains(id) || token == null) {
        continue;
      }
      String piece = withoutMark(token);
      if (piece.isEmpty()) {
        continue;
      }
      // between two words of an alphabet, or numbers, there is a space
      if (piece.equals(token) && isLetter(last) && isLetter(piece.codePointAt(0))) {
        text.append(' ');
      }
      text.append(piece);
      last = piece.codePointBefore(piece.length());
    }
    return new Generated(prompt + text, text.toString(), array(added), ended);
  }

  static String withoutMark(String token) {
    return token.startsWith("##") ? token.substring(2) : token;
  }

  private static boolean isLetter(int code) {
    int type = Character.getType(code);
    return code > 0 && code < IDEOGRAPHS
        && (Character.isLetterOrDigit(code) || type == Character.OTHER_NUMBER || type == Character.LETTER_NUMBER);
  }

  /** The keys and values of the tokens so far. */
  private final class Cache {
    private final Map<String, Tensor> past = new HashMap<>();
    private int known;

    /** Computes the logits of the token behind all of {@code ids}; only those that are new are computed. */
    float[] next(List<Integer> ids) {
      int count = ids.size() - known;
      long[] fresh = new long[count];
      long[] places = new long[count];
      long[] mask = new long[ids.size()];
      java.util.Arrays.fill(mask, 1);
      for (int at = 0; at < count; at++) {
        fresh[at] = ids.get(known + at);
        places[at] = known + at;
      }
      Feeds feeds = new Feeds(signature).put("input_ids", Tensor.of(fresh, 1, count))
          .put("attention_mask", Tensor.of(mask, 1, mask.length))
          .put("token_type_ids", Tensor.of(new long[count], 1, count))
          .put(Signature.POSITION_IDS, Tensor.of(places, 1, count)).positions(new int[] {count - 1});
      for (Map.Entry<String, Tensor> each : past.entrySet()) {
        feeds.put(each.getKey(), each.getValue());
      }
      Map<String, Tensor> outputs = model.session.run(Signature.DEFAULT, feeds.fitted());
      for (Map.Entry<String, Tensor> each : outputs.entrySet()) {
        if (each.getKey().startsWith(Signature.PRESENT)) {
          past.put(Signature.PAST + each.getKey().substring(Signature.PRESENT.length()), each.getValue());
        }
      }
      known = ids.size();
      Tensor logits = outputs.get("logits");
      if (logits == null || logits.shape().length != 3 || logits.shape()[1] != 1) {
        throw new EngineException("the graph gave no logits of one token");
      }
      return logits.floats();
    }
  }

  /** A prompt and what was written after it. */
  public static final class Generated {
    /** The prompt and its continuation. */
    public final String text;
    /** The continuation, special tokens left out. */
    public final String newText;
    /** The ids of the continuation, without the one that ended it. */
    public final int[] ids;
    /** Whether the separator ended it; false where enough tokens were there. */
    public final boolean ended;

    Generated(String text, String newText, int[] ids, boolean ended) {
      this.text = text;
      this.newText = newText;
      this.ids = ids;
      this.ended = ended;
    }
  }
}
