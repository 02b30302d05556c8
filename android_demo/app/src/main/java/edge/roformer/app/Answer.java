package edge.roformer.app;

import edge.roformer.TextException;
import edge.roformer.tasks.FeatureExtractor;
import edge.roformer.tasks.FillMask;
import edge.roformer.tasks.MultipleChoice;
import edge.roformer.tasks.Pipeline;
import edge.roformer.tasks.QuestionAnswerer;
import edge.roformer.tasks.Sampling;
import edge.roformer.tasks.TextClassifier;
import edge.roformer.tasks.TextGenerator;
import edge.roformer.tasks.TokenClassifier;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** What the screen shows of an answer, whatever the task: a text, stretches of it marked, and bars. */
public final class Answer {
  private static final int SHOWN = 5;
  private static final int TOKENS = 24;
  private static final int NUMBERS = 8;

  /** The text over the bars; empty where the bars say it all. */
  public final String text;
  /** Stretches of the text. */
  public final List<Mark> marks = new ArrayList<>();
  /** Names with their scores, best first. */
  public final List<Bar> bars = new ArrayList<>();

  private Answer(String text) {
    this.text = text;
  }

  /**
   * Asks a pipeline.
   *
   * @param pipeline of any task
   * @param text the text, question or context
   * @param second the context of a question, or choices, one a line
   * @return the answer
   */
  public static Answer of(Pipeline pipeline, String text, String second) {
    if (pipeline instanceof TextClassifier) {
      Answer answer = new Answer("");
      for (TextClassifier.Classification each : ((TextClassifier) pipeline).answer(text, null, SHOWN)) {
        answer.bars.add(new Bar(each.label, each.score));
      }
      return answer;
    }
    if (pipeline instanceof TokenClassifier) {
      Answer answer = new Answer(text);
      for (TokenClassifier.Entity each : ((TokenClassifier) pipeline).answer(text, TokenClassifier.Aggregation.SIMPLE)) {
        answer.marks.add(new Mark(each.label, each.start, each.end));
        answer.bars.add(new Bar(each.label + " " + each.text, each.score));
      }
      return answer;
    }
    if (pipeline instanceof QuestionAnswerer) {
      Answer answer = new Answer(second);
      for (QuestionAnswerer.Answer each : ((QuestionAnswerer) pipeline).answer(text, second, SHOWN)) {
        if (answer.marks.isEmpty()) {
          answer.marks.add(new Mark("", each.start, each.end));
        }
        answer.bars.add(new Bar(each.text, each.score));
      }
      return answer;
    }
    if (pipeline instanceof FillMask) {
      return filled(((FillMask) pipeline).answer(text, SHOWN));
    }
    if (pipeline instanceof MultipleChoice) {
      Answer answer = new Answer("");
      List<String> choices = Arrays.asList(second.split("\n"));
      for (MultipleChoice.Choice each : ((MultipleChoice) pipeline).answer(text, null, choices, choices.size())) {
        answer.bars.add(new Bar(each.text, each.score));
      }
      return answer;
    }
    if (pipeline instanceof TextGenerator) {
      return new Answer(((TextGenerator) pipeline).answer(text, TOKENS, Sampling.GREEDY).text);
    }
    if (pipeline instanceof FeatureExtractor) {
      return vector(((FeatureExtractor) pipeline).mean(text, null));
    }
    throw new TextException("there is no way to show the answers of a " + pipeline.getClass().getSimpleName());
  }

  private static Answer filled(List<List<FillMask.Filled>> masks) {
    Answer answer = new Answer(masks.get(0).get(0).text);
    for (List<FillMask.Filled> mask : masks) {
      for (FillMask.Filled each : mask) {
        answer.bars.add(new Bar(each.token, each.score));
      }
    }
    return answer;
  }

  private static Answer vector(float[] values) {
    StringBuilder text = new StringBuilder(values.length + ": ");
    for (int at = 0; at < Math.min(NUMBERS, values.length); at++) {
      text.append(String.format(Locale.ROOT, "%.3f  ", values[at]));
    }
    return new Answer(text.append("…").toString());
  }

  /** A name with a share of 1. */
  public static final class Bar {
    /** What is scored. */
    public final String name;
    /** From 0 to 1. */
    public final double score;

    Bar(String name, double score) {
      this.name = name;
      this.score = score;
    }
  }

  /** A stretch of the text. */
  public static final class Mark {
    /** What it is; may be empty. */
    public final String label;
    /** Where it begins. */
    public final int start;
    /** Where it ends. */
    public final int end;

    Mark(String label, int start, int end) {
      this.label = label;
      this.start = start;
      this.end = end;
    }
  }
}
