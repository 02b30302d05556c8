package edge.roformer.tokenizer;

import edge.roformer.BundleException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;

/**
 * What characters are and become in one family of tokenizers, from {@code unicode.bin}.
 *
 * <p>Nothing here asks the platform: its tables are another year's.
 */
final class UnicodeTables {
  static final int REMOVE = 1;
  static final int SPACE = 2;
  static final int MARK = 4;
  static final int PUNCTUATION = 8;
  static final int IDEOGRAPH = 16;
  static final int WORD = 32;

  private static final long MAGIC = 0x31646369_6e756672L; // "rfunicd1"
  private static final int HEADER = 2;
  private static final int SECTIONS = 18;
  private static final int SLOW_SECTIONS = 10;
  private static final int PAGE_BITS = 8;
  private static final int PAGE = 1 << PAGE_BITS;
  private static final int PAGES = 0x110000 >> PAGE_BITS;
  private static final int HANGUL = 0xAC00;
  private static final int HANGUL_LAST = 0xD7A3;
  private static final int LEAD = 0x1100;
  private static final int VOWEL = 0x1161;
  private static final int TRAIL = 0x11A7;
  private static final int VOWELS = 21;
  private static final int TRAILS = 28;

  private final byte[][] kinds;
  private final byte[][] orders;
  private final int[][][] lower;
  private final int[][][] decompose;
  private final int[][][] compose;

  /**
   * Reads one family's tables.
   *
   * @param bytes the content of {@code unicode.bin}
   * @param slow whether they are the slow mode's
   * @throws BundleException they are damaged
   */
  UnicodeTables(byte[] bytes, boolean slow) {
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (bytes.length % 4 != 0 || bytes.length < 4 * (HEADER + SECTIONS) || buffer.getLong(0) != MAGIC) {
      throw damaged();
    }
    IntBuffer items = buffer.asIntBuffer();
    int[][] sections = new int[SECTIONS][];
    long start = HEADER + SECTIONS;
    for (int number = 0; number < SECTIONS; number++) {
      long length = items.get(HEADER + number) & 0xFFFFFFFFL;
      if (start + length > items.limit()) {
        throw damaged();
      }
      sections[number] = new int[(int) length];
      items.position((int) start);
      items.get(sections[number]);
      start += length;
    }
    if (start != items.limit()) {
      throw damaged();
    }
    int first = slow ? 0 : SLOW_SECTIONS;
    kinds = runs(sections[first]);
    lower = texts(sections, first + 1);
    decompose = texts(sections, first + 4);
    compose = slow ? texts(sections, first + 7) : null;
    orders = slow ? null : runs(sections[first + 7]);
  }

  /** Looks up the kind bits of a character. */
  int kind(int code) {
    return kinds[code >> PAGE_BITS][code & PAGE - 1] & 0xFF;
  }

  /** Looks up the canonical combining class of a character; the fast family's only. */
  int order(int code) {
    return orders[code >> PAGE_BITS][code & PAGE - 1] & 0xFF;
  }

  /** Looks up the lower case of a character, or null where it is the character itself. */
  int[] lower(int code) {
    return look(lower, code);
  }

  /** Looks up the canonical decomposition of a character, or null where it is the character itself. */
  int[] decompose(int code) {
    if (code < HANGUL || code > HANGUL_LAST) {
      return look(decompose, code);
    }
    int rest = (code - HANGUL) / TRAILS;
    int trail = (code - HANGUL) % TRAILS;
    int lead = LEAD + rest / VOWELS;
    int vowel = VOWEL + rest % VOWELS;
    return trail == 0 ? new int[] {lead, vowel} : new int[] {lead, vowel, TRAIL + trail};
  }

  /** Looks up the canonical composition of a character, or null where it is itself; the slow family's only. */
  int[] compose(int code) {
    return look(compose, code);
  }

  private static int[] look(int[][][] table, int code) {
    int[][] page = table[code >> PAGE_BITS];
    return page == null ? null : page[code & PAGE - 1];
  }

  private static byte[][] runs(int[] runs) {
    byte[][] pages = new byte[PAGES][];
    byte[][] uniform = new byte[PAGE][];
    int run = 0;
    for (int number = 0; number < PAGES; number++) {
      int first = number << PAGE_BITS;
      while (run + 1 < runs.length && runs[run + 1] >>> PAGE_BITS <= first) {
        run++;
      }
      if (runs.length == 0) {
        throw damaged();
      }
      int kind = runs[run] & 0xFF;
      if (run + 1 == runs.length || runs[run + 1] >>> PAGE_BITS >= first + PAGE) {
        // most pages are of one kind, and share their bytes
        if (uniform[kind] == null) {
          uniform[kind] = new byte[PAGE];
          java.util.Arrays.fill(uniform[kind], (byte) kind);
        }
        pages[number] = uniform[kind];
        continue;
      }
      byte[] page = new byte[PAGE];
      for (int at = 0; at < PAGE; at++) {
        while (run + 1 < runs.length && runs[run + 1] >>> PAGE_BITS <= first + at) {
          run++;
        }
        page[at] = (byte) runs[run];
      }
      pages[number] = page;
    }
    return pages;
  }

  private static int[][][] texts(int[][] sections, int first) {
    int[] keys = sections[first];
    int[] ends = sections[first + 1];
    int[] texts = sections[first + 2];
    int[][][] pages = new int[PAGES][][];
    if (keys.length != ends.length) {
      throw damaged();
    }
    int start = 0;
    for (int number = 0; number < keys.length; number++) {
      int end = ends[number];
      int code = keys[number];
      if (end < start || end > texts.length || code < 0 || code >> PAGE_BITS >= PAGES) {
        throw damaged();
      }
      int[] text = java.util.Arrays.copyOfRange(texts, start, end);
      for (int part : text) {
        if (part < 0 || part >> PAGE_BITS >= PAGES || part >= 0xD800 && part < 0xE000) {
          throw damaged();
        }
      }
      if (pages[code >> PAGE_BITS] == null) {
        pages[code >> PAGE_BITS] = new int[PAGE][];
      }
      pages[code >> PAGE_BITS][code & PAGE - 1] = text;
      start = end;
    }
    if (start != texts.length) {
      throw damaged();
    }
    return pages;
  }

  private static BundleException damaged() {
    return new BundleException("the Unicode tables of the bundle are damaged; fetch the bundle again");
  }
}
