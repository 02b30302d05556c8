package edge.roformer.tokenizer;

import edge.roformer.TextException;
import edge.roformer.tokenizer.EncodeOptions.Truncation;
import java.util.ArrayList;
import java.util.List;

/**
 * Shares out the room of a row among its texts.
 *
 * <p>The two families do it differently: the slow one drops tokens and may give back a text that is still too long, the
 * fast one cuts texts into overlapping windows and refuses what cannot be done.
 */
final class Truncator {
  private Truncator() {}

  /** Returns how many tokens the slow mode takes from the first text and from the second, which may be -1 long. */
  static int[] drop(int first, int second, int surplus, Truncation from) {
    if (from == Truncation.LONGEST_FIRST && second >= 0) {
      int longer = Math.min(Math.abs(second - first), surplus);
      int both = surplus - longer;
      return first > second ? new int[] {longer + both / 2, both - both / 2}
          : new int[] {both / 2, longer + both - both / 2};
    }
    boolean onlySecond = from == Truncation.ONLY_SECOND;
    // where the strategy cannot reach the length the texts stay whole, as in transformers
    if ((onlySecond ? Math.max(0, second) : first) <= surplus) {
      return new int[] {0, 0};
    }
    return onlySecond ? new int[] {0, surplus} : new int[] {surplus, 0};
  }

  /** Returns how many tokens the fast family keeps of the first text and of the second, which may be -1 long. */
  static int[] keep(int first, int second, int room, Truncation from) {
    int surplus = first + Math.max(0, second) - room;
    if (room == 0) {
      return new int[] {0, 0};
    }
    if (from == Truncation.LONGEST_FIRST) {
      if (second < 0) {
        return new int[] {room, 0};
      }
      int few = Math.min(first, second);
      int many = few > room ? few : Math.max(few, room - few);
      if (few + many > room) {
        few = room / 2;
        many = room / 2 + room % 2;
      }
      return first > second ? new int[] {many, few} : new int[] {few, many};
    }
    if (from == Truncation.ONLY_SECOND && second < 0) {
      throw new TextException("truncation of the second text needs one; none was given");
    }
    boolean onlyFirst = from == Truncation.ONLY_FIRST;
    int target = onlyFirst ? first : second;
    if (target <= surplus) {
      throw new TextException("truncation must take " + surplus + " tokens from the " + (onlyFirst ? "first" : "second")
          + " text, which has " + target + "; allow more tokens, or cut the longest text first");
    }
    return onlyFirst ? new int[] {target - surplus, Math.max(0, second)} : new int[] {first, target - surplus};
  }

  /** Lays windows over a text; neighbours share {@code stride} tokens. Returns start and end of each. */
  static List<int[]> windows(int length, int size, int stride, boolean left) {
    List<int[]> found = new ArrayList<>();
    if (size >= length) {
      found.add(new int[] {0, length});
      return found;
    }
    if (size == 0) {
      found.add(new int[] {0, 0});
      found.add(new int[] {0, length});
      return found;
    }
    if (stride >= size) {
      throw new TextException("stride " + stride + " must be less than the " + size + " tokens that the most allowed "
          + "leave for the text");
    }
    int step = size - stride;
    for (int start = 0; start < length - size + step; start += step) {
      found.add(left ? new int[] {Math.max(0, length - start - size), length - start}
          : new int[] {start, Math.min(start + size, length)});
    }
    return found;
  }
}
