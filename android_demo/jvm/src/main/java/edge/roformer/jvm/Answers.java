package edge.roformer.jvm;

import edge.roformer.TextException;
import edge.roformer.json.Fields;
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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Answers one line of JSON, with the fields of the task, by values that can be written as JSON. */
final class Answers {
  private Answers() {}

  static Object of(Pipeline pipeline, Fields line) {
    int count = line.isNull("top_k") ? 1 : (int) line.whole("top_k", 1);
    return switch (pipeline) {
      case TextClassifier classifier -> classes(classifier.answer(line.text("text"), line.textOrNull("text_pair"), count));
      case TokenClassifier classifier -> entities(classifier.answer(line.text("text"), aggregation(line)));
      case QuestionAnswerer answerer -> spans(answerer.answer(line.text("question"), line.text("context"), count));
      case FillMask filler -> filled(filler.answer(line.text("text"), count));
      case FeatureExtractor extractor -> features(extractor, line);
      case MultipleChoice chooser -> choices(chooser.answer(line.text("context"), line.textOrNull("question"),
          line.texts("choices"), count));
      case TextGenerator generator -> generated(generator.answer(line.text("text"),
          line.isNull("max_new_tokens") ? 20 : (int) line.whole("max_new_tokens", 1), sampling(line)));
      default -> throw new TextException("there is no way to ask a " + pipeline.getClass().getSimpleName());
    };
  }

  private static Sampling sampling(Fields line) {
    return line.isNull("repetition_penalty") ? Sampling.GREEDY
        : Sampling.GREEDY.penalising(line.number("repetition_penalty"));
  }

  private static TokenClassifier.Aggregation aggregation(Fields line) {
    String name = line.isNull("aggregation") ? "simple" : line.text("aggregation");
    try {
      return TokenClassifier.Aggregation.valueOf(name.toUpperCase(Locale.ROOT));
    } catch (IllegalArgumentException error) {
      throw new TextException("aggregation must be none, simple, first or mean, found " + name, error);
    }
  }

  private static Object features(FeatureExtractor extractor, Fields line) {
    String text = line.text("text");
    String pair = line.textOrNull("text_pair");
    return "mean".equals(line.textOrNull("pooling")) ? extractor.mean(text, pair) : extractor.answer(text, pair);
  }

  private static Object classes(List<TextClassifier.Classification> answers) {
    List<Object> found = new ArrayList<>();
    for (TextClassifier.Classification each : answers) {
      found.add(row("label", each.label, "score", each.score));
    }
    return found;
  }

  private static Object entities(List<TokenClassifier.Entity> answers) {
    List<Object> found = new ArrayList<>();
    for (TokenClassifier.Entity each : answers) {
      found.add(row("label", each.label, "score", each.score, "start", each.start, "end", each.end, "text", each.text));
    }
    return found;
  }

  private static Object spans(List<QuestionAnswerer.Answer> answers) {
    List<Object> found = new ArrayList<>();
    for (QuestionAnswerer.Answer each : answers) {
      found.add(row("text", each.text, "start", each.start, "end", each.end, "score", each.score));
    }
    return found;
  }

  private static Object filled(List<List<FillMask.Filled>> answers) {
    List<Object> found = new ArrayList<>();
    for (List<FillMask.Filled> mask : answers) {
      List<Object> best = new ArrayList<>();
      for (FillMask.Filled each : mask) {
        best.add(row("token", each.token, "token_id", each.id, "score", each.score, "text", each.text));
      }
      found.add(best);
    }
    return found;
  }

  private static Object choices(List<MultipleChoice.Choice> answers) {
    List<Object> found = new ArrayList<>();
    for (MultipleChoice.Choice each : answers) {
      found.add(row("index", each.index, "text", each.text, "score", each.score));
    }
    return found;
  }

  private static Object generated(TextGenerator.Generated answer) {
    return row("text", answer.text, "new_text", answer.newText, "ids", answer.ids, "ended", answer.ended);
  }

  static Map<String, Object> row(Object... fields) {
    Map<String, Object> row = new LinkedHashMap<>();
    for (int at = 0; at < fields.length; at += 2) {
      row.put((String) fields[at], fields[at + 1]);
    }
    return row;
  }
}
