package edge.roformer.jvm;

import java.lang.reflect.Array;
import java.util.List;
import java.util.Map;

/** Writes values as JSON in ASCII, floats with the digits that give the same float again. */
final class JsonText {
  private JsonText() {}

  static String of(Object value) {
    StringBuilder text = new StringBuilder();
    write(value, text);
    return text.toString();
  }

  private static void write(Object value, StringBuilder text) {
    if (value instanceof Map<?, ?> map) {
      char separator = '{';
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        text.append(separator);
        quote(String.valueOf(entry.getKey()), text);
        text.append(':');
        write(entry.getValue(), text);
        separator = ',';
      }
      text.append(map.isEmpty() ? "{}" : "}");
    } else if (value instanceof List<?> list) {
      writeAll(list.toArray(), text);
    } else if (value != null && value.getClass().isArray()) {
      writeAll(value, text);
    } else if (value instanceof String string) {
      quote(string, text);
    } else {
      text.append(value);
    }
  }

  private static void writeAll(Object array, StringBuilder text) {
    text.append('[');
    for (int at = 0; at < Array.getLength(array); at++) {
      if (at > 0) {
        text.append(',');
      }
      write(Array.get(array, at), text);
    }
    text.append(']');
  }

  private static void quote(String string, StringBuilder text) {
    text.append('"');
    for (char unit : string.toCharArray()) {
      if (unit == '"' || unit == '\\') {
        text.append('\\').append(unit);
      } else if (unit < ' ' || unit > '~') {
        text.append(String.format("\\u%04x", (int) unit));
      } else {
        text.append(unit);
      }
    }
    text.append('"');
  }
}
