package edge.roformer.tokenizer;

/** Turns texts into tokens, in the manner of one family of transformers. */
interface Backend {
  /**
   * Adds the tokens of a text.
   *
   * @param text its code points
   * @param splitSpecial whether special tokens in it are ordinary text
   * @param into receives the tokens
   */
  void tokenize(int[] text, boolean splitSpecial, TokenList into);
}
