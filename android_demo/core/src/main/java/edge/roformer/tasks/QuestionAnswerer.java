package edge.roformer.tasks;

import edge.roformer.TextException;
import edge.roformer.bundle.Bundle;
import edge.roformer.engine.Engine;
import edge.roformer.tokenizer.CodePoints;
import edge.roformer.tokenizer.Encoding;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Answers questions with a stretch of a context. */
public final class QuestionAnswerer extends Pipeline {
  private static final int LONGEST_ANSWER = 30;
  private static final int STRIDE = 128;

  QuestionAnswerer(Bundle bundle, Engine engine, LoadOptions options) {
    super(bundle, engine, options, TaskFacts.SPANS);
  }

  /**
   * Answers a question.
   *
   * <p>A context that is longer than the model takes is read in overlapping windows; the best stretch of any wins.
   *
   * @param question the question
   * @param context what it is answered from
   * @param count how many answers are wanted
   * @return the best stretches of at most 30 tokens, best first
   * @throws TextException a text cannot be read, or the question leaves no room for a context
   */
  public List<Answer> answer(String question, String context, int count) {
    checkCount("count", count);
    TextModel.checkText(question, "the question");
    TextModel.checkText(context, "the context");
    Encoding whole = model.tokenizer.encode(question, context);
    List<Window> windows = windows(whole);
    List<Row> rows = new ArrayList<>();
    for (Window window : windows) {
      rows.add(window.row);
    }
    List<Map<String, float[]>> outputs = model.run(rows);
    Map<Long, Double> found = new LinkedHashMap<>();
    for (int place = 0; place < rows.size(); place++) {
      // windows overlap, so two of them may have found the same
      for (Map.Entry<Long, Double> span : best(whole, windows.get(place), outputs.get(place), count).entrySet()) {
        Double other = found.get(span.getKey());
        found.put(span.getKey(), other == null ? span.getValue() : Math.max(other, span.getValue()));
      }
    }
    List<Map.Entry<Long, Double>> sorted = new ArrayList<>(found.entrySet());
    Collections.sort(sorted, new Comparator<Map.Entry<Long, Double>>() {
      @Override
      public int compare(Map.Entry<Long, Double> one, Map.Entry<Long, Double> other) {
        int order = Double.compare(other.getValue(), one.getValue());
        return order != 0 ? order : Long.compare(one.getKey(), other.getKey());
      }
    });
    int[] places = CodePoints.utf16Places(context);
    List<Answer> answers = new ArrayList<>();
    for (Map.Entry<Long, Double> each : sorted.subList(0, Math.min(count, sorted.size()))) {
      int start = places[(int) (each.getKey() >> 32)];
      int end = places[(int) (long) each.getKey()];
      answers.add(new Answer(context.substring(start, end), start, end, each.getValue()));
    }
    return frozen(answers);
  }

  /** Makes rows {@code [CLS] question [SEP] part of the context [SEP]}, for as many parts as it takes. */
  private List<Window> windows(Encoding whole) {
    int first = 0;
    while (first < whole.length() && whole.texts()[first] != 1) {
      first++;
    }
    int last = first;
    while (last < whole.length() && whole.texts()[last] == 1) {
      last++;
    }
    if (last == first) {
      throw new TextException("the context has no tokens that could be an answer");
    }
    int room = model.maxLength - (whole.length() - (last - first));
    if (room < 1) {
      throw new TextException("the question has " + first + " tokens, special tokens included, and the model takes "
          + model.maxLength + " at most, those of the context among them; shorten it");
    }
    int step = room - Math.min(STRIDE, room / 2);
    List<Window> windows = new ArrayList<>();
    for (int start = first; start < Math.max(last - room, first) + step; start += step) {
      int end = Math.min(start + room, last);
      int[] ids = around(whole.ids(), first, last, start, end);
      windows.add(new Window(new Row(ids, around(whole.typeIds(), first, last, start, end)), first, start, end));
    }
    return windows;
  }

  private static int[] around(int[] values, int first, int last, int start, int end) {
    int rest = values.length - last;
    int[] found = new int[first + end - start + rest];
    System.arraycopy(values, 0, found, 0, first);
    System.arraycopy(values, start, found, first, end - start);
    System.arraycopy(values, last, found, first + end - start, rest);
    return found;
  }

  /** Finds places (start and end in one number) and scores of the best spans of one window. */
  private static Map<Long, Double> best(Encoding whole, Window window, Map<String, float[]> outputs, int count) {
    final double[] starts = probabilities(outputs.get("start_logits"), window);
    final double[] ends = probabilities(outputs.get("end_logits"), window);
    int tokens = starts.length;
    int width = Math.min(LONGEST_ANSWER, tokens);
    double[] scores = new double[tokens * width];
    for (int at = 0; at < scores.length; at++) {
      int end = at / width + at % width;
      scores[at] = end < tokens ? starts[at / width] * ends[end] : -1;
    }
    Map<Long, Double> found = new LinkedHashMap<>();
    // a character may be several tokens, and then spans of different tokens are the same text: look at more of them
    List<Integer> order = count == 1 ? Collections.singletonList(Scores.largest(scores))
        : Scores.largest(scores, scores.length);
    for (int at : order) {
      if (scores[at] < 0 || found.size() == count) {
        break;
      }
      long start = whole.starts()[window.start + at / width];
      long end = whole.ends()[window.start + at / width + at % width];
      long span = start << 32 | end;
      if (!found.containsKey(span)) {
        found.put(span, scores[at]);
      }
    }
    return found;
  }

  /** Computes the probability of every token of the context, among them and {@code [CLS]}, which is left out. */
  private static double[] probabilities(float[] logits, Window window) {
    double[] values = new double[window.end - window.start + 1];
    values[0] = logits[0];
    for (int at = 1; at < values.length; at++) {
      values[at] = logits[window.first + at - 1];
    }
    double[] all = Scores.softmax(values);
    return java.util.Arrays.copyOfRange(all, 1, all.length);
  }

  /** A row of the graph: the question and a part of the context, whose tokens begin at {@code first}. */
  private static final class Window {
    private final Row row;
    private final int first;
    private final int start;
    private final int end;

    Window(Row row, int first, int start, int end) {
      this.row = row;
      this.first = first;
      this.start = start;
      this.end = end;
    }
  }

  /** A stretch of the context. */
  public static final class Answer {
    /** The stretch itself. */
    public final String text;
    /** Its first index in the context, as Java counts. */
    public final int start;
    /** One more than its last index. */
    public final int end;
    /** The product of the probabilities of its first and its last token. */
    public final double score;

    Answer(String text, int start, int end, double score) {
      this.text = text;
      this.start = start;
      this.end = end;
      this.score = score;
    }
  }
}
