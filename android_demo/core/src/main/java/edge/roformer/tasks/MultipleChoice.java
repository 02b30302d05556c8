package edge.roformer.tasks;

import edge.roformer.BundleException;
import edge.roformer.TextException;
import edge.roformer.bundle.Bundle;
import edge.roformer.bundle.Signature;
import edge.roformer.engine.Engine;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Chooses among texts the one that fits a context best. */
public final class MultipleChoice extends Pipeline {
  MultipleChoice(Bundle bundle, Engine engine, LoadOptions options) {
    super(bundle, engine, options, TaskFacts.CHOICES);
    for (Signature signature : bundle.manifest().signatures().values()) {
      if (model.config.paddingMatters && signature.length() > 0) {
        close();
        throw new BundleException("padding changes the answers of this model, and its graph pads to " + signature.length()
            + " tokens; export it for any length");
      }
    }
  }

  /**
   * Chooses once.
   *
   * @param context the context
   * @param question the question, or null
   * @param choices one text or more
   * @param count how many choices are wanted
   * @return the best choices, best first
   * @throws TextException a text cannot be read, or there is no choice
   */
  public List<Choice> answer(String context, String question, List<String> choices, int count) {
    checkCount("count", count);
    if (choices.isEmpty()) {
      throw new TextException("there is no choice; give one text or more");
    }
    List<Row> rows = new ArrayList<>();
    for (String choice : choices) {
      TextModel.checkText(choice, "choice " + rows.size());
      String pair = question == null ? choice : question + choice;
      rows.add(Row.of(model.encode(context, pair, "choice " + rows.size())));
    }
    double[] logits = new double[rows.size()];
    int place = 0;
    for (Map<String, float[]> outputs : model.run(rows)) {
      logits[place++] = outputs.get("logits")[0];
    }
    double[] scores = Scores.softmax(logits);
    List<Choice> best = new ArrayList<>();
    for (int index : Scores.largest(scores, count)) {
      best.add(new Choice(index, choices.get(index), scores[index]));
    }
    return frozen(best);
  }

  /** One of the choices. */
  public static final class Choice {
    /** Its place among them, from 0. */
    public final int index;
    /** The choice. */
    public final String text;
    /** Its probability; those of all choices sum to 1. */
    public final double score;

    Choice(int index, String text, double score) {
      this.index = index;
      this.text = text;
      this.score = score;
    }
  }
}
