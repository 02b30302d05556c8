package edge.roformer.json;

import edge.roformer.BundleException;
import edge.roformer.RoFormerException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** An object of JSON whose fields are read strictly, each once and of its kind. */
public final class Fields {
  private final Map<String, Object> values;
  private final String where;

  private Fields(Map<String, Object> values, String where) {
    this.values = values;
    this.where = where;
  }

  /**
   * Takes a parsed value, which must be an object.
   *
   * @param value what {@link Json} gave
   * @param where what holds it, for messages
   * @return its fields
   * @throws BundleException it is something else
   */
  @SuppressWarnings("unchecked") // the parser makes maps of texts only
  public static Fields of(Object value, String where) {
    if (!(value instanceof Map)) {
      throw new BundleException(where + " must be an object, found " + found(value));
    }
    return new Fields((Map<String, Object>) value, where);
  }

  /**
   * Refuses fields that are missing, and others than these.
   *
   * @param names all that there must be
   * @return this
   * @throws BundleException the message names the first
   */
  public Fields exactly(String... names) {
    for (String name : names) {
      if (!values.containsKey(name)) {
        throw new BundleException(where + " lacks the key " + RoFormerException.quoted(name));
      }
    }
    List<String> known = Arrays.asList(names);
    for (String name : values.keySet()) {
      if (!known.contains(name)) {
        throw new BundleException(where + " has the unknown key " + RoFormerException.quoted(name));
      }
    }
    return this;
  }

  /**
   * Tells where this object stands.
   *
   * @return the path to it, for messages
   */
  public String where() {
    return where;
  }

  /**
   * Lists the names of the fields.
   *
   * @return a copy, in the order of the text
   */
  public List<String> names() {
    return new ArrayList<>(values.keySet());
  }

  /**
   * Tells whether a field is missing or null.
   *
   * @param name its name
   * @return whether there is no value
   */
  public boolean isNull(String name) {
    return values.get(name) == null;
  }

  /**
   * Returns a value of any kind.
   *
   * @param name its name
   * @return the value, or null
   */
  public Object any(String name) {
    return values.get(name);
  }

  /**
   * Reads a text.
   *
   * @param name its name
   * @return the text
   * @throws BundleException it is something else
   */
  public String text(String name) {
    Object value = values.get(name);
    if (!(value instanceof String)) {
      throw wrong(name, "a text", value);
    }
    return (String) value;
  }

  /**
   * Reads a text or null.
   *
   * @param name its name
   * @return the text, or null
   * @throws BundleException it is something else
   */
  public String textOrNull(String name) {
    return isNull(name) ? null : text(name);
  }

  /**
   * Reads true or false.
   *
   * @param name its name
   * @return the flag
   * @throws BundleException it is something else
   */
  public boolean flag(String name) {
    Object value = values.get(name);
    if (!(value instanceof Boolean)) {
      throw wrong(name, "true or false", value);
    }
    return (Boolean) value;
  }

  /**
   * Reads a whole number.
   *
   * @param name its name
   * @param least the least that is allowed
   * @return the number
   * @throws BundleException it is something else, or less
   */
  public long whole(String name, long least) {
    Object value = values.get(name);
    if (!(value instanceof Long) || (Long) value < least) {
      throw wrong(name, "a whole number of at least " + least, value);
    }
    return (Long) value;
  }

  /**
   * Reads a number.
   *
   * @param name its name
   * @return the number
   * @throws BundleException it is something else
   */
  public double number(String name) {
    return number(values.get(name), where + ": " + name);
  }

  /**
   * Reads an object.
   *
   * @param name its name
   * @return its fields
   * @throws BundleException it is something else
   */
  public Fields object(String name) {
    return of(values.get(name), where + ": " + name);
  }

  /**
   * Reads a list.
   *
   * @param name its name
   * @return its items
   * @throws BundleException it is something else
   */
  public List<?> list(String name) {
    Object value = values.get(name);
    if (!(value instanceof List)) {
      throw wrong(name, "a list", value);
    }
    return (List<?>) value;
  }

  /**
   * Reads a list of objects.
   *
   * @param name its name
   * @return the fields of each
   * @throws BundleException it is something else
   */
  public List<Fields> objects(String name) {
    List<Fields> found = new ArrayList<>();
    for (Object item : list(name)) {
      found.add(of(item, where + ": " + name + "[" + found.size() + "]"));
    }
    return found;
  }

  /**
   * Reads a list of texts.
   *
   * @param name its name
   * @return the texts
   * @throws BundleException it is something else
   */
  public List<String> texts(String name) {
    List<String> found = new ArrayList<>();
    for (Object item : list(name)) {
      if (!(item instanceof String)) {
        throw wrong(name, "a list of texts", item);
      }
      found.add((String) item);
    }
    return found;
  }

  /**
   * Reads a list of numbers.
   *
   * @param name its name
   * @return the numbers
   * @throws BundleException it is something else
   */
  public double[] numbers(String name) {
    return numbers(list(name), where + ": " + name);
  }

  /**
   * Reads a list of numbers.
   *
   * @param value a parsed value
   * @param where where it stands, for messages
   * @return the numbers
   * @throws BundleException it is something else
   */
  public static double[] numbers(Object value, String where) {
    if (!(value instanceof List)) {
      throw new BundleException(where + " must be a list of numbers, found " + found(value));
    }
    List<?> items = (List<?>) value;
    double[] numbers = new double[items.size()];
    for (int place = 0; place < numbers.length; place++) {
      numbers[place] = number(items.get(place), where);
    }
    return numbers;
  }

  /**
   * Reads an object of texts.
   *
   * @param name its name
   * @return texts by name
   * @throws BundleException it is something else
   */
  public Map<String, String> textsByName(String name) {
    Fields inner = object(name);
    Map<String, String> found = new LinkedHashMap<>();
    for (String key : inner.names()) {
      found.put(key, inner.text(key));
    }
    return found;
  }

  /**
   * Makes the error of a value that does not fit.
   *
   * @param name the field
   * @param wanted what would fit, as the end of a sentence
   * @param value what was found
   * @return the error, to be thrown
   */
  public BundleException wrong(String name, String wanted, Object value) {
    return new BundleException(where + ": " + name + " must be " + wanted + ", found " + found(value));
  }

  private static double number(Object value, String where) {
    if (!(value instanceof Number)) {
      throw new BundleException(where + " must be a number, found " + found(value));
    }
    return ((Number) value).doubleValue();
  }

  private static String found(Object value) {
    if (value instanceof Map) {
      return "an object";
    }
    if (value instanceof List) {
      return "a list";
    }
    return value instanceof String ? RoFormerException.quoted(value) : String.valueOf(value);
  }
}
