package edge.roformer.tasks;

import edge.roformer.tokenizer.Encoding;

/** One row of the graph: token ids and types, special tokens included, no padding. */
final class Row {
  final int[] ids;
  final int[] typeIds;

  Row(int[] ids, int[] typeIds) {
    this.ids = ids;
    this.typeIds = typeIds;
  }

  static Row of(Encoding encoding) {
    return new Row(encoding.ids(), encoding.typeIds());
  }
}
