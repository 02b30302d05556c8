package edge.roformer.bundle;

import edge.roformer.BundleException;
import edge.roformer.json.Fields;
import edge.roformer.json.Json;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The content of {@code selftest.json}: texts with the ids and outputs that they must give. */
public final class SelfTest {
  private final double tolerance;
  private final List<Case> cases = new ArrayList<>();

  private SelfTest(Fields fields) {
    fields.exactly("tolerance", "cases");
    tolerance = fields.number("tolerance");
    for (Fields item : fields.objects("cases")) {
      cases.add(new Case(item.exactly("text", "pair", "ids", "outputs")));
    }
    if (cases.isEmpty() || !(tolerance > 0)) {
      throw new BundleException(fields.where() + " must hold a case or more, and a tolerance above 0");
    }
  }

  /**
   * Reads the vectors of a bundle.
   *
   * @param bytes UTF-8 JSON
   * @return the vectors
   * @throws BundleException it is malformed
   */
  public static SelfTest parse(byte[] bytes) {
    return new SelfTest(Fields.of(Json.parse(bytes, "selftest.json"), "selftest.json"));
  }

  /**
   * Returns how much any value may differ.
   *
   * @return above 0
   */
  public double tolerance() {
    return tolerance;
  }

  /**
   * Returns the cases.
   *
   * @return one or more
   */
  public List<Case> cases() {
    return Collections.unmodifiableList(cases);
  }

  /** A text, its ids and the values of every output. */
  public static final class Case {
    private final String text;
    private final String pair;
    private final int[] ids;
    private final Map<String, double[]> outputs = new LinkedHashMap<>();

    private Case(Fields fields) {
      text = fields.text("text");
      pair = fields.textOrNull("pair");
      double[] numbers = fields.numbers("ids");
      ids = new int[numbers.length];
      for (int place = 0; place < ids.length; place++) {
        ids[place] = (int) numbers[place];
      }
      Fields recorded = fields.object("outputs");
      for (String name : recorded.names()) {
        outputs.put(name, recorded.numbers(name));
      }
    }

    /**
     * Returns the text.
     *
     * @return the text
     */
    public String text() {
      return text;
    }

    /**
     * Returns the second text.
     *
     * @return the text, or null
     */
    public String pair() {
      return pair;
    }

    /**
     * Returns the ids, special tokens included.
     *
     * @return a copy
     */
    public int[] ids() {
      return ids.clone();
    }

    /**
     * Returns what was recorded.
     *
     * @return values by output
     */
    public Map<String, double[]> outputs() {
      return Collections.unmodifiableMap(outputs);
    }
  }
}
