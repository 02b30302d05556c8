package edge.roformer.tasks;

import edge.roformer.EngineException;
import edge.roformer.bundle.Bundle;
import edge.roformer.engine.Engine;
import edge.roformer.tokenizer.CodePoints;
import edge.roformer.tokenizer.Encoding;
import java.util.ArrayList;
import java.util.List;

/** Answers texts with the entities in them. */
public final class TokenClassifier extends Pipeline {
  /** What entities are made of. */
  public enum Aggregation {
    /** No entities, but one entry for each token. */
    NONE,
    /** Every token has its own label. */
    SIMPLE,
    /** A word that is cut into several tokens has the label of the first. */
    FIRST,
    /** A word has the label with the highest mean probability. */
    MEAN
  }

  private final TagScheme scheme;
  private final Crf crf;

  TokenClassifier(Bundle bundle, Engine engine, LoadOptions options) {
    super(bundle, engine, options, TaskFacts.TAGS);
    scheme = new TagScheme(model.config.labels);
    crf = bundle.manifest().find("crf") == null ? null : new Crf(bundle, model.config.labels.size());
  }

  /**
   * Finds the entities of a text.
   *
   * @param text the text
   * @param aggregation what they are made of
   * @return entities in the order of the text
   * @throws edge.roformer.TextException the text cannot be answered
   */
  public List<Entity> answer(String text, Aggregation aggregation) {
    Encoding encoding = model.encode(text, null, "the text");
    float[] logits = model.run(Row.of(encoding), null).get("logits");
    List<Unit> units = units(encoding, split(logits, encoding.length()), aggregation);
    List<String> labels = new ArrayList<>();
    for (Unit unit : units) {
      labels.add(model.config.labels.get(unit.label));
    }
    int[] places = CodePoints.utf16Places(text);
    List<Entity> found = new ArrayList<>();
    if (aggregation == Aggregation.NONE) {
      for (int at = 0; at < units.size(); at++) {
        found.add(entity(text, places, labels.get(at), units.subList(at, at + 1)));
      }
    } else {
      for (TagScheme.Span span : scheme.join(labels)) {
        found.add(entity(text, places, span.name, units.subList(span.start, span.end)));
      }
    }
    return frozen(found);
  }

  private double[][] split(float[] logits, int tokens) {
    int labels = model.config.labels.size();
    if (logits.length != tokens * labels) {
      throw new EngineException("the graph gave " + logits.length + " logits for " + tokens + " tokens, and there are "
          + labels + " labels");
    }
    double[][] rows = new double[tokens][labels];
    for (int at = 0; at < logits.length; at++) {
      rows[at / labels][at % labels] = logits[at];
    }
    return rows;
  }

  private List<Unit> units(Encoding encoding, double[][] logits, Aggregation aggregation) {
    int[] labels = crf == null ? null : crf.bestLabels(logits);
    double[][] scores = crf == null ? logits : crf.marginals(logits);
    for (int token = 0; crf == null && token < logits.length; token++) {
      scores[token] = Scores.softmax(logits[token]);
    }
    boolean joined = aggregation == Aggregation.FIRST || aggregation == Aggregation.MEAN;
    List<Unit> units = new ArrayList<>();
    for (List<Integer> word : words(encoding, joined)) {
      int first = word.get(0);
      double[] mean = aggregation == Aggregation.MEAN ? mean(scores, word) : scores[first];
      int label = aggregation == Aggregation.MEAN || crf == null ? Scores.largest(mean) : labels[first];
      int last = word.get(word.size() - 1);
      units.add(new Unit(encoding.starts()[first], encoding.ends()[last], label, mean[label]));
    }
    return units;
  }

  private static double[] mean(double[][] scores, List<Integer> word) {
    double[] mean = new double[scores[0].length];
    for (int label = 0; label < mean.length; label++) {
      for (int token : word) {
        mean[label] += scores[token][label];
      }
      mean[label] /= word.size();
    }
    return mean;
  }

  private static List<List<Integer>> words(Encoding encoding, boolean joined) {
    List<List<Integer>> words = new ArrayList<>();
    int end = -1;
    for (int token = 0; token < encoding.length(); token++) {
      if (encoding.texts()[token] == Encoding.NO_TEXT) {
        continue;
      }
      // the tokens of a word stand side by side in the text
      boolean goesOn = joined && encoding.continuesWord(token) && !words.isEmpty() && end == encoding.starts()[token];
      if (!goesOn) {
        words.add(new ArrayList<Integer>());
      }
      words.get(words.size() - 1).add(token);
      end = encoding.ends()[token];
    }
    return words;
  }

  private static Entity entity(String text, int[] places, String label, List<Unit> units) {
    double sum = 0;
    for (Unit unit : units) {
      sum += unit.score;
    }
    int start = places[units.get(0).start];
    int end = places[units.get(units.size() - 1).end];
    return new Entity(label, sum / units.size(), start, end, text.substring(start, end));
  }

  private static final class Unit {
    private final int start;
    private final int end;
    private final int label;
    private final double score;

    Unit(int start, int end, int label, double score) {
      this.start = start;
      this.end = end;
      this.label = label;
      this.score = score;
    }
  }

  /** A stretch of a text. */
  public static final class Entity {
    /** What it is. */
    public final String label;
    /** The mean probability of its tokens' labels. */
    public final double score;
    /** Its first index in the text, as Java counts. */
    public final int start;
    /** One more than its last index. */
    public final int end;
    /** The stretch itself. */
    public final String text;

    Entity(String label, double score, int start, int end, String text) {
      this.label = label;
      this.score = score;
      this.start = start;
      this.end = end;
      this.text = text;
    }
  }
}
