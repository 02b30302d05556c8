package edge.roformer.tasks;

import edge.roformer.TextException;
import java.util.List;
import java.util.Random;

/** How the next token is chosen from logits. */
public final class Sampling {
  /** The most likely token each time. */
  public static final Sampling GREEDY = new Sampling(null, 1, 0, 1, 1);

  private final Random random;
  private final double temperature;
  private final int topK;
  private final double topP;
  private final double penalty;

  private Sampling(Random random, double temperature, int topK, double topP, double penalty) {
    if (!(temperature > 0) || topK < 0 || !(topP > 0 && topP <= 1) || !(penalty > 0)) {
      throw new TextException("temperature and penalty must be above 0, top k at least 0, and top p above 0 and at "
          + "most 1");
    }
    this.random = random;
    this.temperature = temperature;
    this.topK = topK;
    this.topP = topP;
    this.penalty = penalty;
  }

  /**
   * Draws tokens at random. What is drawn is not what Python draws with the same seed.
   *
   * @param random the source of randomness
   * @param temperature divides the logits; below 1 favours likely tokens
   * @param topK draws among the k most likely tokens; 0 means all
   * @param topP draws among the fewest tokens whose probabilities sum to at least this; 1 means all
   * @return the way to choose
   */
  public static Sampling random(Random random, double temperature, int topK, double topP) {
    return new Sampling(random, temperature, topK, topP, 1);
  }

  /**
   * Makes every token that the text already holds less likely.
   *
   * @param penalty above 1
   * @return a changed copy
   */
  public Sampling penalising(double penalty) {
    return new Sampling(random, temperature, topK, topP, penalty);
  }

  /** Chooses among the first {@code count} logits. */
  int next(float[] logits, int count, List<Integer> ids) {
    double[] values = new double[count];
    for (int at = 0; at < count; at++) {
      values[at] = logits[at];
    }
    if (penalty != 1) {
      for (int id : new java.util.HashSet<>(ids)) {
        if (id < count) {
          values[id] = values[id] < 0 ? values[id] * penalty : values[id] / penalty;
        }
      }
    }
    if (random == null) {
      return Scores.largest(values);
    }
    for (int at = 0; at < count; at++) {
      values[at] /= temperature;
    }
    return draw(Scores.softmax(values));
  }

  private int draw(double[] probabilities) {
    List<Integer> order = Scores.largest(probabilities, topK == 0 ? probabilities.length : topK);
    double sum = 0;
    for (int id : order) {
      sum += probabilities[id];
    }
    double left = topP * sum;
    double kept = 0;
    int count = 0;
    while (count < order.size() && kept < left) {
      kept += probabilities[order.get(count++)];
    }
    double place = random.nextDouble() * kept;
    for (int at = 0; at < count - 1; at++) {
      place -= probabilities[order.get(at)];
      if (place < 0) {
        return order.get(at);
      }
    }
    return order.get(count - 1);
  }
}
