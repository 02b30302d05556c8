package edge.roformer.tokenizer;

/** How texts become rows: special tokens, truncation and padding. Every method returns a changed copy. */
public final class EncodeOptions {
  /** Special tokens around, nothing cut, nothing filled up. */
  public static final EncodeOptions DEFAULT = new EncodeOptions();

  /** Which text tokens are taken away from. */
  public enum Truncation {
    /** Neither: texts stay whole. */
    NONE,
    /** The longer one of a pair. */
    LONGEST_FIRST,
    /** The first. */
    ONLY_FIRST,
    /** The second. */
    ONLY_SECOND
  }

  /** How far rows are filled up. */
  public enum Padding {
    /** Not at all. */
    NONE,
    /** To the longest row. */
    LONGEST,
    /** To the most tokens that are allowed. */
    MAX_LENGTH
  }

  private boolean special = true;
  private Truncation truncation = Truncation.NONE;
  private Padding padding = Padding.NONE;
  private int maxLength;
  private int stride;
  private int multiple;
  private Boolean padLeft;
  private Boolean truncateLeft;

  private EncodeOptions() {}

  private EncodeOptions copy() {
    EncodeOptions copy = new EncodeOptions();
    copy.special = special;
    copy.truncation = truncation;
    copy.padding = padding;
    copy.maxLength = maxLength;
    copy.stride = stride;
    copy.multiple = multiple;
    copy.padLeft = padLeft;
    copy.truncateLeft = truncateLeft;
    return copy;
  }

  /**
   * Leaves special tokens away.
   *
   * @return a copy
   */
  public EncodeOptions withoutSpecialTokens() {
    EncodeOptions copy = copy();
    copy.special = false;
    return copy;
  }

  /**
   * Cuts rows that are too long.
   *
   * @param from which text tokens are taken away from
   * @return a copy
   */
  public EncodeOptions truncation(Truncation from) {
    EncodeOptions copy = copy();
    copy.truncation = from;
    return copy;
  }

  /**
   * Fills rows up.
   *
   * @param to how far
   * @return a copy
   */
  public EncodeOptions padding(Padding to) {
    EncodeOptions copy = copy();
    copy.padding = to;
    return copy;
  }

  /**
   * Sets the most tokens of a row, special tokens included; the tokenizer's own number where it is not called.
   *
   * @param most at least 1
   * @return a copy
   */
  public EncodeOptions maxLength(int most) {
    EncodeOptions copy = copy();
    copy.maxLength = most;
    return copy;
  }

  /**
   * Sets how many tokens what overflows shares with what was kept.
   *
   * @param tokens at least 0
   * @return a copy
   */
  public EncodeOptions stride(int tokens) {
    EncodeOptions copy = copy();
    copy.stride = tokens;
    return copy;
  }

  /**
   * Rounds padded lengths up.
   *
   * @param number to a multiple of this
   * @return a copy
   */
  public EncodeOptions multipleOf(int number) {
    EncodeOptions copy = copy();
    copy.multiple = number;
    return copy;
  }

  /**
   * Chooses the side that is filled up.
   *
   * @param left whether it is the left one
   * @return a copy
   */
  public EncodeOptions padLeft(boolean left) {
    EncodeOptions copy = copy();
    copy.padLeft = left;
    return copy;
  }

  /**
   * Chooses the side that is cut.
   *
   * @param left whether it is the left one
   * @return a copy
   */
  public EncodeOptions truncateLeft(boolean left) {
    EncodeOptions copy = copy();
    copy.truncateLeft = left;
    return copy;
  }

  boolean special() {
    return special;
  }

  Truncation truncation() {
    return truncation;
  }

  Padding padding() {
    return padding;
  }

  int maxLength() {
    return maxLength;
  }

  int stride() {
    return stride;
  }

  int multiple() {
    return multiple;
  }

  boolean padsLeft(boolean usual) {
    return padLeft == null ? usual : padLeft;
  }

  boolean truncatesLeft(boolean usual) {
    return truncateLeft == null ? usual : truncateLeft;
  }
}
