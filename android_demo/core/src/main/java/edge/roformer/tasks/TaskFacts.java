package edge.roformer.tasks;

/** What is particular to one task, beside how it is answered. */
final class TaskFacts {
  final String[] outputs;
  // whether the second axis of the outputs runs over tokens
  final boolean overTokens;
  final boolean labelled;
  final boolean padLeft;
  final boolean choices;

  private TaskFacts(boolean overTokens, boolean labelled, boolean padLeft, boolean choices, String... outputs) {
    this.overTokens = overTokens;
    this.labelled = labelled;
    this.padLeft = padLeft;
    this.choices = choices;
    this.outputs = outputs;
  }

  static final TaskFacts CLASSES = new TaskFacts(false, true, false, false, "logits");
  static final TaskFacts TAGS = new TaskFacts(true, true, false, false, "logits");
  static final TaskFacts TOKENS = new TaskFacts(true, false, false, false, "logits");
  static final TaskFacts SPANS = new TaskFacts(true, false, false, false, "start_logits", "end_logits");
  static final TaskFacts CHOICES = new TaskFacts(false, false, true, true, "logits");
  static final TaskFacts STATES = new TaskFacts(true, false, false, false, "last_hidden_state");
  static final TaskFacts VECTOR = new TaskFacts(false, false, false, false, "sentence_embedding");
}
