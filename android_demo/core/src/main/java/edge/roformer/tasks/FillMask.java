package edge.roformer.tasks;

import edge.roformer.BundleException;
import edge.roformer.TextException;
import edge.roformer.bundle.Bundle;
import edge.roformer.engine.Engine;
import edge.roformer.tokenizer.CodePoints;
import edge.roformer.tokenizer.Encoding;
import java.util.ArrayList;
import java.util.List;

/** Answers texts that hold {@code [MASK]} with the most probable tokens for its place. */
public final class FillMask extends Pipeline {
  private final int mask;

  FillMask(Bundle bundle, Engine engine, LoadOptions options) {
    super(bundle, engine, options, TaskFacts.TOKENS);
    mask = model.tokenizer.specialId("mask_token");
    if (mask < 0) {
      close();
      throw new BundleException("the tokenizer has no mask token, which fill-mask needs");
    }
  }

  /**
   * Fills the masks of a text, each by itself.
   *
   * @param text holds the mask token once or several times
   * @param count how many tokens are wanted for each mask
   * @return for each mask the best tokens, best first
   * @throws TextException the text holds no mask, or cannot be read
   */
  public List<List<Filled>> answer(String text, int count) {
    checkCount("count", count);
    Encoding encoding = model.encode(text, null, "the text");
    int[] masks = new int[encoding.length()];
    int found = 0;
    for (int token = 0; token < encoding.length(); token++) {
      if (encoding.ids()[token] == mask) {
        masks[found++] = token;
      }
    }
    if (found == 0) {
      throw new TextException("the text holds no " + model.tokenizer.token(mask) + " and nothing else is filled");
    }
    float[] logits = model.run(Row.of(encoding), java.util.Arrays.copyOf(masks, found)).get("logits");
    int width = logits.length / found;
    int[] places = CodePoints.utf16Places(text);
    List<List<Filled>> answers = new ArrayList<>();
    for (int at = 0; at < found; at++) {
      // ids that no token has are left out
      double[] scores = Scores.softmax(logits, at * width, Math.min(width, model.tokenizer.size()));
      String before = text.substring(0, places[encoding.starts()[masks[at]]]);
      String after = text.substring(places[encoding.ends()[masks[at]]]);
      List<Filled> best = new ArrayList<>();
      for (int id : Scores.largest(scores, count)) {
        String token = model.tokenizer.token(id);
        best.add(new Filled(token, id, scores[id], before + TextGenerator.withoutMark(token) + after));
      }
      answers.add(frozen(best));
    }
    return frozen(answers);
  }

  /** One token for one mask. */
  public static final class Filled {
    /** The token as it stands in the vocabulary; {@code ##} in front means that it continues a word. */
    public final String token;
    /** Its id. */
    public final int id;
    /** Its probability among all tokens. */
    public final double score;
    /** The text with this mask filled; other masks stay. */
    public final String text;

    Filled(String token, int id, double score, String text) {
      this.token = token;
      this.id = id;
      this.score = score;
      this.text = text;
    }
  }
}
