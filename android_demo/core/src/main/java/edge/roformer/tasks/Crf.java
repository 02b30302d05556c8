package edge.roformer.tasks;

import edge.roformer.BundleException;
import edge.roformer.bundle.Bundle;
import edge.roformer.json.Fields;
import edge.roformer.json.Json;
import java.util.List;

/** A conditional random field over the labels of tokens: which may stand side by side, and how gladly. */
final class Crf {
  private final double[] start;
  private final double[] end;
  private final double[][] transitions;

  Crf(Bundle bundle, int labels) {
    String where = bundle.entry("crf").path() + " in " + bundle.name();
    Fields fields = Fields.of(Json.parse(bundle.bytes("crf"), where), where).exactly("start", "end", "transitions");
    start = rounded(fields.numbers("start"));
    end = rounded(fields.numbers("end"));
    List<?> rows = fields.list("transitions");
    transitions = new double[rows.size()][];
    boolean fits = start.length == labels && end.length == labels && transitions.length == labels;
    for (int row = 0; row < transitions.length; row++) {
      transitions[row] = rounded(Fields.numbers(rows.get(row), where + ": transitions"));
      fits &= transitions[row].length == labels;
    }
    if (!fits) {
      throw new BundleException(where + " is for another number of labels than the bundle's " + labels);
    }
  }

  // the scores are float32 numbers, whatever digits they are written with
  private static double[] rounded(double[] values) {
    for (int at = 0; at < values.length; at++) {
      values[at] = (float) values[at];
    }
    return values;
  }

  /** Finds the most probable sequence of labels, with Viterbi's algorithm. */
  int[] bestLabels(double[][] logits) {
    int labels = start.length;
    int[][] cameFrom = new int[logits.length][labels];
    double[] scores = new double[labels];
    for (int label = 0; label < labels; label++) {
      scores[label] = start[label] + logits[0][label];
    }
    for (int token = 1; token < logits.length; token++) {
      double[] next = new double[labels];
      for (int label = 0; label < labels; label++) {
        int best = 0;
        for (int from = 1; from < labels; from++) {
          if (scores[from] + transitions[from][label] > scores[best] + transitions[best][label]) {
            best = from;
          }
        }
        cameFrom[token][label] = best;
        next[label] = scores[best] + transitions[best][label] + logits[token][label];
      }
      scores = next;
    }
    for (int label = 0; label < labels; label++) {
      scores[label] += end[label];
    }
    int[] found = new int[logits.length];
    found[logits.length - 1] = Scores.largest(scores);
    for (int token = logits.length - 1; token > 0; token--) {
      found[token - 1] = cameFrom[token][found[token]];
    }
    return found;
  }

  /** Computes the probability of each label at each token over all sequences, with forward and backward sums. */
  double[][] marginals(double[][] logits) {
    int labels = start.length;
    int last = logits.length - 1;
    double[][] forward = new double[logits.length][labels];
    double[][] backward = new double[logits.length][];
    backward[last] = end;
    double[] terms = new double[labels];
    for (int token = 0; token <= last; token++) {
      for (int label = 0; label < labels; label++) {
        for (int from = 0; token > 0 && from < labels; from++) {
          terms[from] = forward[token - 1][from] + transitions[from][label];
        }
        forward[token][label] = (token == 0 ? start[label] : logSum(terms)) + logits[token][label];
      }
    }
    for (int token = last - 1; token >= 0; token--) {
      backward[token] = new double[labels];
      for (int label = 0; label < labels; label++) {
        for (int to = 0; to < labels; to++) {
          terms[to] = transitions[label][to] + logits[token + 1][to] + backward[token + 1][to];
        }
        backward[token][label] = logSum(terms);
      }
    }
    for (int token = 0; token <= last; token++) {
      for (int label = 0; label < labels; label++) {
        forward[token][label] += backward[token][label];
      }
      double all = logSum(forward[token]);
      for (int label = 0; label < labels; label++) {
        forward[token][label] = Math.exp(forward[token][label] - all);
      }
    }
    return forward;
  }

  private static double logSum(double[] values) {
    double largest = values[Scores.largest(values)];
    double sum = 0;
    for (double value : values) {
      sum += Math.exp(value - largest);
    }
    return largest + Math.log(sum);
  }
}
