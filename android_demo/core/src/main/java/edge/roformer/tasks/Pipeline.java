package edge.roformer.tasks;

import edge.roformer.BundleException;
import edge.roformer.EngineException;
import edge.roformer.RoFormerException;
import edge.roformer.SelfTestException;
import edge.roformer.bundle.Bundle;
import edge.roformer.bundle.SelfTest;
import edge.roformer.engine.Engine;
import java.io.Closeable;
import java.util.List;
import java.util.Map;

/** A loaded bundle, ready to answer its task. Answers may be asked for by several threads at once. */
public abstract class Pipeline implements Closeable {
  private static final int RECORDED = 2048;
  private static final double FLOOR = 1e-3;

  final TextModel model;
  private final TaskFacts task;
  private SelfTest vectors;
  private double difference = Double.NaN;

  Pipeline(Bundle bundle, Engine engine, LoadOptions options, TaskFacts task) {
    this.task = task;
    model = new TextModel(bundle, engine, options, task);
  }

  /**
   * Loads a bundle.
   *
   * <p>Nothing of the bundle is needed afterwards; whoever opened it closes it.
   *
   * @param bundle the open bundle
   * @param engine what runs its model
   * @param options how
   * @return a pipeline of the class of the bundle's task, such as {@link TextClassifier}
   * @throws BundleException the bundle is damaged, malformed, or for a task that this reader has not
   * @throws EngineException the engine is missing or refuses the model
   * @throws SelfTestException the engine does not give the recorded answers
   */
  public static Pipeline load(Bundle bundle, Engine engine, LoadOptions options) {
    String doubt = doubt(bundle, engine);
    Pipeline pipeline = made(bundle, engine, options);
    try {
      if (bundle.manifest().find("selftest") != null) {
        pipeline.vectors = SelfTest.parse(bundle.bytes("selftest"));
      }
      if (options.tests() || doubt != null) {
        pipeline.selfTest();
      }
    } catch (SelfTestException error) {
      pipeline.close();
      throw doubt == null ? error : new SelfTestException(error.getMessage() + "; " + doubt, error);
    } catch (RoFormerException error) {
      pipeline.close();
      throw error;
    }
    return pipeline;
  }

  private static Pipeline made(Bundle bundle, Engine engine, LoadOptions options) {
    switch (bundle.manifest().task()) {
      case "text-classification":
        return new TextClassifier(bundle, engine, options);
      case "token-classification":
        return new TokenClassifier(bundle, engine, options);
      case "question-answering":
        return new QuestionAnswerer(bundle, engine, options);
      case "fill-mask":
        return new FillMask(bundle, engine, options);
      case "feature-extraction":
        return new FeatureExtractor(bundle, engine, options);
      case "multiple-choice":
        return new MultipleChoice(bundle, engine, options);
      case "text-generation":
        return new TextGenerator(bundle, engine, options);
      default:
        throw new BundleException("the bundle is for the task " + RoFormerException.quoted(bundle.manifest().task())
            + ", which this reader has not");
    }
  }

  /** Says why the engine may not compute the model right, or returns null. */
  private static String doubt(Bundle bundle, Engine engine) {
    String needed = bundle.manifest().minimumRuntime().get(engine.name());
    String version = engine.version();
    if (needed == null) {
      return engine.name() + " " + version + " is none of the engines that the bundle was made for";
    }
    String[] here = version.split("[^0-9]+");
    String[] there = needed.split("\\.");
    for (int place = 0; place < there.length; place++) {
      int have = place < here.length && !here[place].isEmpty() ? Integer.parseInt(here[place]) : 0;
      int want = Integer.parseInt(there[place]);
      if (have != want) {
        return have > want ? null : engine.name() + " " + version + " is older than " + needed
            + ", which the bundle was made for";
      }
    }
    return null;
  }

  /**
   * Answers every recorded text again, in each signature that computes what was recorded and holds the text.
   *
   * @return the largest absolute difference of any output
   * @throws SelfTestException ids or outputs differ, or what is recorded proves nothing
   */
  public double selfTest() {
    if (vectors == null) {
      throw new SelfTestException("the bundle has no recorded answers to compare with");
    }
    double worst = 0;
    double largest = FLOOR;
    for (SelfTest.Case each : vectors.cases()) {
      Row row = Row.of(model.encode(each.text(), each.pair(), "a text of the self-test", true));
      if (!java.util.Arrays.equals(row.ids, each.ids())) {
        throw new SelfTestException("self-test: a text gives other token ids here than where the bundle was made");
      }
      if (each.outputs().size() != task.outputs.length) {
        throw new SelfTestException("self-test: not every output is recorded: it would prove nothing");
      }
      for (Map<String, float[]> outputs : model.runEverywhere(row)) {
        for (String name : task.outputs) {
          worst = Math.max(worst, difference(outputs.get(name), each.outputs().get(name), name));
        }
      }
      for (double[] values : each.outputs().values()) {
        for (double value : values) {
          largest = Math.max(largest, Math.abs(value));
        }
      }
    }
    if (vectors.tolerance() > largest) {
      throw new SelfTestException("self-test: a difference of " + vectors.tolerance() + " is allowed, and no recorded "
          + "value is larger than " + largest + ": it would prove nothing");
    }
    if (!(worst <= vectors.tolerance())) {
      throw new SelfTestException("self-test: the outputs differ from those recorded by " + worst + ", and "
          + vectors.tolerance() + " is allowed: this engine does not compute the model right");
    }
    difference = worst;
    return worst;
  }

  private static double difference(float[] values, double[] recorded, String name) {
    int count = Math.min(values.length, RECORDED);
    if (recorded == null || recorded.length == 0 || recorded.length != count) {
      throw new SelfTestException("self-test: a text should give " + count + " values of " + name + ", and others are "
          + "recorded");
    }
    double worst = 0;
    for (int at = 0; at < count; at++) {
      // of many values some are recorded, evenly spaced
      int place = values.length <= RECORDED ? at : (int) ((long) at * (values.length - 1) / (RECORDED - 1));
      worst = Math.max(worst, Math.abs(values[place] - recorded[at]));
    }
    return worst;
  }

  /**
   * Returns what the self-test found.
   *
   * @return the largest difference, or NaN where it did not run
   */
  public double selfTestDifference() {
    return difference;
  }

  /**
   * Tells what computes the graph.
   *
   * @return such as {@code CPU}
   */
  public String delegate() {
    return model.session.delegate();
  }

  /**
   * Returns the most tokens of one text or pair.
   *
   * @return special tokens included
   */
  public int maxLength() {
    return model.maxLength;
  }

  /**
   * Computes the graph's outputs for one text or pair.
   *
   * @param text the text
   * @param pair the second text, or null
   * @return values by output, row by row
   */
  public Map<String, float[]> outputs(String text, String pair) {
    return model.run(Row.of(model.encode(text, pair, "the text")), null);
  }

  static void checkCount(String name, int count) {
    if (count < 1) {
      throw new edge.roformer.TextException(name + " must be at least 1, found " + count);
    }
  }

  static <T> List<T> frozen(List<T> answers) {
    return java.util.Collections.unmodifiableList(answers);
  }

  /** Frees the model. Answers fail from here on. */
  @Override
  public void close() {
    model.session.close();
  }
}
