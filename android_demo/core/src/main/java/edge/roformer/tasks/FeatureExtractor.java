package edge.roformer.tasks;

import edge.roformer.EngineException;
import edge.roformer.bundle.Bundle;
import edge.roformer.engine.Engine;
import edge.roformer.tokenizer.Encoding;

/** Answers texts with the states of the last layer, or one vector where the graph makes one. */
public final class FeatureExtractor extends Pipeline {
  private final boolean vector;

  FeatureExtractor(Bundle bundle, Engine engine, LoadOptions options) {
    super(bundle, engine, options, bundle.manifest().find("sentence") == null ? TaskFacts.STATES : TaskFacts.VECTOR);
    vector = bundle.manifest().find("sentence") != null;
  }

  /**
   * Computes the state of every token, special tokens included; one row where the graph makes one vector of a text.
   *
   * @param text the text
   * @param pair the second text, or null
   * @return rows of numbers
   * @throws edge.roformer.TextException the text cannot be read
   */
  public float[][] answer(String text, String pair) {
    Encoding encoding = model.encode(text, pair, "the text");
    float[] values = model.run(Row.of(encoding), null).get(vector ? "sentence_embedding" : "last_hidden_state");
    int rows = vector ? 1 : encoding.length();
    if (values.length % rows != 0) {
      throw new EngineException("the graph gave " + values.length + " numbers for " + rows + " tokens");
    }
    int width = values.length / rows;
    float[][] states = new float[rows][];
    for (int row = 0; row < rows; row++) {
      states[row] = java.util.Arrays.copyOfRange(values, row * width, (row + 1) * width);
    }
    return states;
  }

  /**
   * Computes the mean of the states of all tokens.
   *
   * @param text the text
   * @param pair the second text, or null
   * @return one vector
   * @throws edge.roformer.TextException the text cannot be read
   */
  public float[] mean(String text, String pair) {
    float[][] states = answer(text, pair);
    float[] mean = new float[states[0].length];
    for (int channel = 0; channel < mean.length; channel++) {
      double sum = 0;
      for (float[] state : states) {
        sum += state[channel];
      }
      mean[channel] = (float) (sum / states.length);
    }
    return mean;
  }
}
