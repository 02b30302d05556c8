package edge.roformer.tasks;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;

/** Turns logits into scores, and finds the best. */
final class Scores {
  private Scores() {}

  /** Computes the probabilities of {@code count} logits from {@code start} on. */
  static double[] softmax(float[] logits, int start, int count) {
    double[] values = new double[count];
    for (int at = 0; at < count; at++) {
      values[at] = logits[start + at];
    }
    return softmax(values);
  }

  static double[] softmax(double[] logits) {
    double most = Double.NEGATIVE_INFINITY;
    for (double logit : logits) {
      most = Math.max(most, logit);
    }
    double[] powers = new double[logits.length];
    double sum = 0;
    for (int at = 0; at < powers.length; at++) {
      powers[at] = Math.exp(logits[at] - most);
      sum += powers[at];
    }
    for (int at = 0; at < powers.length; at++) {
      powers[at] /= sum;
    }
    return powers;
  }

  /** Computes a probability for each value on its own. */
  static double sigmoid(double logit) {
    // tanh does not overflow, whatever the sign
    return 0.5 * (1.0 + Math.tanh(0.5 * logit));
  }

  /** Finds the largest value; of equal ones the first. */
  static int largest(double[] values) {
    int best = 0;
    for (int at = 1; at < values.length; at++) {
      best = values[at] > values[best] ? at : best;
    }
    return best;
  }

  /** Finds the largest values, best first; of equal ones the first comes first. */
  static List<Integer> largest(final double[] values, int count) {
    List<Integer> order = new ArrayList<>();
    for (int at = 0; at < values.length; at++) {
      order.add(at);
    }
    Collections.sort(order, new Comparator<Integer>() {
      @Override
      public int compare(Integer one, Integer other) {
        return Double.compare(values[other], values[one]);
      }
    });
    return order.subList(0, Math.min(count, order.size()));
  }
}
