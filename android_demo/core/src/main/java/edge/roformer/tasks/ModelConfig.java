package edge.roformer.tasks;

import edge.roformer.BundleException;
import edge.roformer.bundle.Bundle;
import edge.roformer.json.Fields;
import edge.roformer.json.Json;
import java.util.ArrayList;
import java.util.List;

/** What answering needs to know of {@code config.json}. */
final class ModelConfig {
  final int vocabulary;
  final int types;
  final int padId;
  final List<String> labels = new ArrayList<>();
  // null where the config leaves it open
  final String problemType;
  // whether padding in front changes what multiple choice answers
  final boolean paddingMatters;

  ModelConfig(Bundle bundle, boolean labelled) {
    String where = bundle.entry("config").path() + " in " + bundle.name();
    Fields fields = Fields.of(Json.parse(bundle.bytes("config"), where), where);
    vocabulary = (int) fields.whole("vocab_size", 1);
    types = (int) fields.whole("type_vocab_size", 1);
    padId = fields.isNull("pad_token_id") ? 0 : (int) fields.whole("pad_token_id", 0);
    problemType = fields.textOrNull("problem_type");
    String summary = fields.isNull("summary_type") ? "last" : fields.text("summary_type");
    boolean rotatesValues = !fields.isNull("rotary_value") && fields.flag("rotary_value");
    paddingMatters = rotatesValues || !(summary.equals("last") || summary.equals("last_token"));
    if (bundle.manifest().maxLength() > fields.whole("max_position_embeddings", 1)) {
      throw new BundleException("the manifest of " + bundle.name() + " allows " + bundle.manifest().maxLength()
          + " tokens, and the model has " + fields.any("max_position_embeddings") + " positions");
    }
    Fields names = fields.object("id2label");
    for (int id = 0; labelled && id < names.names().size(); id++) {
      labels.add(names.text(String.valueOf(id)));
    }
    if (!labels.equals(bundle.manifest().labels())) {
      throw new BundleException(where + " has other labels than the manifest");
    }
  }
}
