package edge.roformer.tasks;

import edge.roformer.BundleException;
import edge.roformer.EngineException;
import edge.roformer.bundle.Bundle;
import edge.roformer.engine.Engine;
import java.util.ArrayList;
import java.util.List;

/** Answers texts with classes. */
public final class TextClassifier extends Pipeline {
  private final String problemType;

  TextClassifier(Bundle bundle, Engine engine, LoadOptions options) {
    super(bundle, engine, options, TaskFacts.CLASSES);
    String asked = model.config.problemType;
    problemType = asked != null ? asked
        : model.config.labels.size() == 1 ? "multi_label_classification" : "single_label_classification";
    if (!problemType.equals("single_label_classification") && !problemType.equals("multi_label_classification")
        && !problemType.equals("regression")) {
      throw new BundleException("config.json has the unknown problem_type " + problemType);
    }
  }

  /**
   * Classifies a text or a pair.
   *
   * @param text the text
   * @param pair the second text, or null
   * @param count how many classes are wanted
   * @return the best classes, best first
   * @throws edge.roformer.TextException the text cannot be classified
   */
  public List<Classification> answer(String text, String pair, int count) {
    checkCount("count", count);
    float[] logits = outputs(text, pair).get("logits");
    List<String> labels = model.config.labels;
    if (logits.length != labels.size()) {
      throw new EngineException("the graph gave " + logits.length + " logits for a text, and there are "
          + labels.size() + " labels");
    }
    double[] values = new double[logits.length];
    for (int at = 0; at < values.length; at++) {
      values[at] = logits[at];
    }
    double[] scores = values;
    if (problemType.equals("single_label_classification")) {
      scores = Scores.softmax(values);
    } else if (problemType.equals("multi_label_classification")) {
      scores = new double[values.length];
      for (int at = 0; at < values.length; at++) {
        scores[at] = Scores.sigmoid(values[at]);
      }
    }
    List<Classification> found = new ArrayList<>();
    for (int at : Scores.largest(values, count)) {
      found.add(new Classification(labels.get(at), scores[at]));
    }
    return frozen(found);
  }

  /** One class for one text. */
  public static final class Classification {
    /** The name of the class. */
    public final String label;
    /** Its probability; for a regression, the value itself. */
    public final double score;

    Classification(String label, double score) {
      this.label = label;
      this.score = score;
    }
  }
}
