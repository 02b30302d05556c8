package edge.roformer.tokenizer;

import java.util.Collections;
import java.util.List;

/**
 * One row for the model: ids, and for every token where it comes from.
 *
 * <p>Places count code points; {@link CodePoints#utf16Places} turns them into Java's indices. Arrays are not copies.
 */
public final class Encoding {
  /** Of a token that is of no text: one that was put around, or padding. */
  public static final int NO_TEXT = -1;

  final int[] ids;
  final int[] typeIds;
  final int[] starts;
  final int[] ends;
  final int[] texts;
  final boolean[] continues;
  final int padding;
  final boolean padLeft;
  List<Encoding> overflowing = Collections.emptyList();
  int[] dropped = new int[0];
  int surplus;

  Encoding(int length, int padding, boolean padLeft) {
    ids = new int[length];
    typeIds = new int[length];
    starts = new int[length];
    ends = new int[length];
    texts = new int[length];
    continues = new boolean[length];
    this.padding = padding;
    this.padLeft = padLeft;
    java.util.Arrays.fill(texts, NO_TEXT);
  }

  /**
   * Counts the tokens.
   *
   * @return special tokens and padding included
   */
  public int length() {
    return ids.length;
  }

  /**
   * Returns the token ids.
   *
   * @return one for each token
   */
  public int[] ids() {
    return ids;
  }

  /**
   * Returns the token types that the model is fed.
   *
   * @return 0 for the first text, 1 for the second; 0 everywhere where the model is fed none
   */
  public int[] typeIds() {
    return typeIds;
  }

  /**
   * Returns where tokens begin in their text, in code points.
   *
   * @return one for each token; 0 for those of no text
   */
  public int[] starts() {
    return starts;
  }

  /**
   * Returns where tokens end in their text, in code points.
   *
   * @return one more than the last for each token; 0 for those of no text
   */
  public int[] ends() {
    return ends;
  }

  /**
   * Returns which text tokens are of.
   *
   * @return 0, 1 or {@link #NO_TEXT} for each token
   */
  public int[] texts() {
    return texts;
  }

  /**
   * Tells whether a token is written with {@code ##} in front, and so continues a word.
   *
   * @param token its place
   * @return whether it does
   */
  public boolean continuesWord(int token) {
    return continues[token];
  }

  /**
   * Returns what the model may look at.
   *
   * @return 0 for padding, else 1
   */
  public int[] attentionMask() {
    int[] mask = new int[ids.length];
    int start = padLeft ? padding : 0;
    java.util.Arrays.fill(mask, start, start + ids.length - padding, 1);
    return mask;
  }

  /**
   * Returns the further rows of what truncation took away, of the fast family.
   *
   * @return windows over the texts; empty where none was asked for
   */
  public List<Encoding> overflowing() {
    return overflowing;
  }

  /**
   * Returns the ids that truncation took away, of the slow mode.
   *
   * @return with the ids before them that the stride asks for
   */
  public int[] dropped() {
    return dropped;
  }

  /**
   * Tells how many tokens there were more than the most that were allowed, in the slow mode.
   *
   * @return the number; below 0 where there were fewer
   */
  public int surplus() {
    return surplus;
  }
}
