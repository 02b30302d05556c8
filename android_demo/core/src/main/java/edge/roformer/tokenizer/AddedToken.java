package edge.roformer.tokenizer;

import edge.roformer.json.Fields;

/** A token that is cut out of a text before it is segmented, with the manner in which it is found. */
final class AddedToken {
  final String content;
  final boolean leftStrip;
  final boolean rightStrip;
  final boolean singleWord;
  final boolean normalized;
  final boolean special;

  private AddedToken(String content, boolean[] flags) {
    this.content = content;
    leftStrip = flags[0];
    rightStrip = flags[1];
    singleWord = flags[2];
    normalized = flags[3];
    special = flags[4];
  }

  static AddedToken read(Fields fields) {
    fields.exactly("content", "lstrip", "rstrip", "single_word", "normalized", "special");
    String content = fields.text("content");
    if (content.isEmpty()) {
      throw fields.wrong("content", "a text that is not empty", content);
    }
    return new AddedToken(content, new boolean[] {fields.flag("lstrip"), fields.flag("rstrip"),
        fields.flag("single_word"), fields.flag("normalized"), fields.flag("special")});
  }

  static AddedToken special(String content) {
    return new AddedToken(content, new boolean[] {false, false, false, false, true});
  }

  AddedToken asSpecial() {
    return new AddedToken(content, new boolean[] {leftStrip, rightStrip, singleWord, normalized, true});
  }

  boolean sameAs(AddedToken other) {
    return other != null && content.equals(other.content) && leftStrip == other.leftStrip
        && rightStrip == other.rightStrip && singleWord == other.singleWord && normalized == other.normalized
        && special == other.special;
  }
}
