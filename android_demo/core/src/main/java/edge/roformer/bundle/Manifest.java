package edge.roformer.bundle;

import edge.roformer.BundleException;
import edge.roformer.RoFormerException;
import edge.roformer.json.Fields;
import edge.roformer.json.Json;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** The content of {@code manifest.json}, checked as docs/bundle.md says. */
public final class Manifest {
  /** The name of the file. */
  public static final String NAME = "manifest.json";
  /** The version of the layout that is read. */
  public static final int SCHEMA = 2;

  static final int MOST_BYTES = 1 << 20;
  static final int MOST_FILES = 64;
  private static final List<String> KEYS = Collections.unmodifiableList(Arrays.asList(
      "schema_version", "task", "format", "recipe", "labels", "signatures", "max_length", "tokenizer", "session",
      "batching", "files", "calibration", "parity", "measured", "notes", "minimum_runtime", "provenance"));
  private static final List<String> ROLES = Collections.unmodifiableList(Arrays.asList(
      "model", "weights", "vocabulary", "words", "unicode", "config", "recipe", "crf", "sentence", "selftest", "labels",
      "card", "notice"));
  private static final List<String> BATCHING =
      Collections.unmodifiableList(Arrays.asList("any", "equal_lengths", "single"));
  private static final String PART = "[A-Za-z0-9_-]([A-Za-z0-9._-]*[A-Za-z0-9_-])?";
  private static final Pattern PATH = Pattern.compile(PART + "(/" + PART + ")*");
  private static final int LONGEST_PATH = 200;
  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
  private static final Pattern VERSION = Pattern.compile("[0-9]{1,9}(\\.[0-9]{1,9}){0,7}");

  private final String task;
  private final String format;
  private final String recipe;
  private final List<String> labels;
  private final Map<String, Signature> signatures;
  private final int maxLength;
  private final Fields tokenizer;
  private final Map<String, String> session;
  private final String batching;
  private final List<FileEntry> files;
  private final Map<String, String> minimumRuntime;
  private final String source;

  private Manifest(Fields fields) {
    fields.exactly(KEYS.toArray(new String[0]));
    task = fields.text("task");
    format = fields.text("format");
    Fields applied = fields.object("recipe").exactly("name", "sha256");
    recipe = applied.text("name");
    sha256(applied, "sha256");
    labels = Collections.unmodifiableList(fields.texts("labels"));
    maxLength = (int) Math.min(Integer.MAX_VALUE, fields.whole("max_length", 1));
    signatures = signatures(fields.object("signatures"), maxLength);
    tokenizer = fields.object("tokenizer");
    session = Collections.unmodifiableMap(fields.textsByName("session"));
    batching = oneOf(fields, "batching", BATCHING);
    files = Collections.unmodifiableList(files(fields));
    minimumRuntime = Collections.unmodifiableMap(fields.textsByName("minimum_runtime"));
    for (String version : minimumRuntime.values()) {
      if (!VERSION.matcher(version).matches()) {
        throw fields.wrong("minimum_runtime", "numbers separated by dots", version);
      }
    }
    source = fields.object("provenance")
        .exactly("version", "source", "checkpoint_sha256", "created", "tools").text("source");
    checkRest(fields);
  }

  /**
   * Reads a manifest.
   *
   * @param bytes UTF-8 JSON
   * @return its content
   * @throws BundleException a key is missing, unknown or of the wrong kind, or the schema is another
   */
  public static Manifest parse(byte[] bytes) {
    Fields fields = Fields.of(Json.parse(bytes, NAME), NAME);
    Object version = fields.any("schema_version");
    if (!(version instanceof Long) || (Long) version != SCHEMA) {
      boolean newer = version instanceof Long && (Long) version > SCHEMA;
      throw new BundleException(NAME + " is of schema " + RoFormerException.shown(version)
          + ", and this reader knows schema " + SCHEMA + ": "
          + (newer ? "update the app" : "make the bundle anew with roformer-edge deploy"));
    }
    return new Manifest(fields);
  }

  static String checkPath(String path, String where) {
    if (path.length() > LONGEST_PATH || !PATH.matcher(path).matches()) {
      throw new BundleException(where + " must be a relative path of ASCII letters, digits, '.', '_' and '-' in parts "
          + "separated by '/', found " + RoFormerException.quoted(path));
    }
    return path;
  }

  private static Map<String, Signature> signatures(Fields fields, int maxLength) {
    Map<String, Signature> found = new LinkedHashMap<>();
    for (String name : fields.names()) {
      Signature signature = Signature.of(fields.object(name));
      List<String> names = signature.names();
      if (signature.inputs().isEmpty() || signature.outputs().isEmpty()
          || new HashSet<>(names).size() != names.size()) {
        throw fields.wrong(name, "inputs and outputs, each of a name of its own", names.toString());
      }
      for (TensorSpec input : signature.inputs()) {
        if (input.axes().size() < 2) {
          throw fields.wrong(name, "of inputs of two axes at least, rows and tokens", input.toString());
        }
      }
      found.put(name, signature);
    }
    if (!found.containsKey(Signature.DEFAULT)) {
      throw new BundleException(fields.where() + " holds no '" + Signature.DEFAULT + "'");
    }
    Set<Integer> lengths = new HashSet<>();
    int last = 0;
    for (Signature one : Signature.alternatives(found).values()) {
      last = one.length();
      if (!lengths.add(last) || last > maxLength) {
        throw fields.wrong("lengths", "different, and at most max_length " + maxLength, last);
      }
    }
    if (last != 0 && last != maxLength) {
      throw fields.wrong("the longest", "for max_length " + maxLength + " or any length", last);
    }
    return Collections.unmodifiableMap(found);
  }

  private static List<FileEntry> files(Fields fields) {
    List<FileEntry> found = new ArrayList<>();
    Map<String, String> taken = new HashMap<>();
    taken.put(NAME, NAME);
    Set<String> roles = new HashSet<>();
    for (Fields item : fields.objects("files")) {
      item.exactly("path", "role", "bytes", "sha256");
      String path = checkPath(item.text("path"), item.where() + ": path");
      String role = oneOf(item, "role", ROLES);
      if (taken.put(path.toLowerCase(Locale.ROOT), path) != null) {
        throw item.wrong("path", "of a file that is listed once", path);
      }
      if (!role.equals("notice") && !roles.add(role)) {
        throw item.wrong("role", "of one file only", role);
      }
      long bytes = item.whole("bytes", 0);
      if (bytes > Integer.MAX_VALUE) {
        throw item.wrong("bytes", "at most " + Integer.MAX_VALUE, bytes);
      }
      found.add(new FileEntry(path, role, bytes, sha256(item, "sha256")));
    }
    if (found.size() > MOST_FILES) {
      throw fields.wrong("files", "a list of at most " + MOST_FILES, found.size());
    }
    if (!roles.contains("model")) {
      throw new BundleException(NAME + " lists no file with the role 'model'");
    }
    return found;
  }

  /** Checks what no reader needs, so that what is accepted here is accepted everywhere. */
  private static void checkRest(Fields fields) {
    fields.texts("notes");
    if (!fields.isNull("calibration")) {
      Fields calibration = fields.object("calibration").exactly("texts", "sha256", "observer");
      calibration.whole("texts", 1);
      sha256(calibration, "sha256");
      calibration.text("observer");
    }
    Fields parity = fields.object("parity").exactly(
        "checked", "reference", "tolerance", "worst_tensor", "absolute_difference", "relative_difference", "reason");
    boolean checked = parity.flag("checked");
    for (String name : parity.names()) {
      if (!name.equals("checked") && parity.isNull(name) == (checked != name.equals("reason"))) {
        throw parity.wrong(name, checked == name.equals("reason") ? "null" : "given", parity.any(name));
      }
    }
    if (!fields.isNull("measured")) {
      Fields measured = fields.object("measured").exactly("metric", "unit", "reference", "candidate", "drop", "low",
          "high", "agreement", "examples", "data", "data_sha256");
      measured.whole("examples", 1);
      sha256(measured, "data_sha256");
    }
    Fields provenance = fields.object("provenance");
    provenance.text("version");
    provenance.text("created");
    provenance.textsByName("tools");
    sha256(provenance, "checkpoint_sha256");
  }

  private static String sha256(Fields fields, String name) {
    String digest = fields.text(name);
    if (!SHA256.matcher(digest).matches()) {
      throw fields.wrong(name, "64 lower-case hexadecimal digits", digest);
    }
    return digest;
  }

  private static String oneOf(Fields fields, String name, List<String> allowed) {
    String value = fields.text(name);
    if (!allowed.contains(value)) {
      throw fields.wrong(name, "one of " + allowed, value);
    }
    return value;
  }

  /**
   * Finds a file.
   *
   * @param role its role
   * @return the file, or null; of several notices the first
   */
  public FileEntry find(String role) {
    for (FileEntry entry : files) {
      if (entry.role().equals(role)) {
        return entry;
      }
    }
    return null;
  }

  /**
   * Returns the task.
   *
   * @return a name of Hugging Face's pipelines
   */
  public String task() {
    return task;
  }

  /**
   * Returns the format of the model file.
   *
   * @return such as {@code onnx}
   */
  public String format() {
    return format;
  }

  /**
   * Returns the name of the quantisation recipe.
   *
   * @return such as {@code int8-dynamic}
   */
  public String recipe() {
    return recipe;
  }

  /**
   * Returns the names of the classes.
   *
   * @return in the order of the logits; empty for a task without classes
   */
  public List<String> labels() {
    return labels;
  }

  /**
   * Returns the ways to call the graph.
   *
   * @return signatures by name
   */
  public Map<String, Signature> signatures() {
    return signatures;
  }

  /**
   * Returns the most tokens of one input, special tokens included.
   *
   * @return at least 1
   */
  public int maxLength() {
    return maxLength;
  }

  /**
   * Returns the settings of the tokenizer.
   *
   * @return fields, not checked yet
   */
  public Fields tokenizer() {
    return tokenizer;
  }

  /**
   * Returns the options of the engine that answers depend on.
   *
   * @return values by name
   */
  public Map<String, String> session() {
    return session;
  }

  /**
   * Tells which rows may be computed together.
   *
   * @return any, equal_lengths or single
   */
  public String batching() {
    return batching;
  }

  /**
   * Returns all files but the manifest.
   *
   * @return in the manifest's order
   */
  public List<FileEntry> files() {
    return files;
  }

  /**
   * Returns the lowest versions of the engines that run the model.
   *
   * @return versions by the engine's package name
   */
  public Map<String, String> minimumRuntime() {
    return minimumRuntime;
  }

  /**
   * Returns the name of the checkpoint.
   *
   * @return a name without folders, or owner/model
   */
  public String source() {
    return source;
  }
}
