package edge.roformer.tasks;

import edge.roformer.BundleException;
import edge.roformer.EngineException;
import edge.roformer.TextException;
import edge.roformer.bundle.Bundle;
import edge.roformer.bundle.Manifest;
import edge.roformer.bundle.OutsideData;
import edge.roformer.bundle.Signature;
import edge.roformer.bundle.TensorSpec;
import edge.roformer.engine.Engine;
import edge.roformer.engine.EngineOptions;
import edge.roformer.engine.Session;
import edge.roformer.engine.Tensor;
import edge.roformer.tokenizer.EncodeOptions;
import edge.roformer.tokenizer.Encoding;
import edge.roformer.tokenizer.Tokenizer;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/** A tokenizer and a graph: texts in, the graph's outputs for every row out. */
final class TextModel {
  private static final int TOKEN_BUDGET = 4096;

  final Tokenizer tokenizer;
  final Session session;
  final ModelConfig config;
  final int maxLength;
  private final TaskFacts task;
  private final boolean truncates;
  private final boolean alike;
  private final Map<String, Signature> signatures;

  TextModel(Bundle bundle, Engine engine, LoadOptions options, TaskFacts task) {
    Manifest manifest = bundle.manifest();
    this.task = task;
    if (!manifest.format().equals(engine.format())) {
      throw new EngineException("the bundle's model is of the format " + manifest.format() + ", and the engine "
          + engine.name() + " runs " + engine.format());
    }
    config = new ModelConfig(bundle, task.labelled);
    tokenizer = Tokenizer.of(bundle);
    if (tokenizer.rows() > config.vocabulary) {
      throw new BundleException("the vocabulary of " + bundle.name() + " has ids up to " + (tokenizer.rows() - 1)
          + ", and the model has " + config.vocabulary + " embeddings");
    }
    ByteBuffer model = bundle.buffer("model");
    OutsideData.refuse(manifest.format(), model);
    session = engine.load(model, new EngineOptions(options.threads(), manifest.session()));
    try {
      checkSignatures(manifest.signatures(), session.signatures());
    } catch (BundleException error) {
      session.close();
      throw error;
    }
    signatures = Signature.alternatives(manifest.signatures());
    truncates = options.truncates();
    alike = manifest.batching().equals("equal_lengths") || (task.padLeft && config.paddingMatters);
    int longest = 0;
    for (Signature each : signatures.values()) {
      longest = each.length();
    }
    maxLength = longest == 0 ? manifest.maxLength() : Math.min(longest, manifest.maxLength());
  }

  /** Encodes a text or a pair that the model takes. */
  Encoding encode(String text, String pair, String where) {
    return encode(text, pair, where, truncates);
  }

  Encoding encode(String text, String pair, String where, boolean cutting) {
    checkText(text, where);
    if (pair != null) {
      checkText(pair, where);
    }
    Encoding encoding = tokenizer.encode(text, pair);
    int limit = cutting ? Math.min(maxLength, tokenizer.maxLength()) : maxLength;
    if (encoding.length() > limit) {
      if (!cutting) {
        throw new TextException(where + " has " + encoding.length() + " tokens, special tokens included, and the model "
            + "takes " + limit + " at most; shorten it, or load the bundle with truncating()");
      }
      encoding = tokenizer.encode(text, pair,
          EncodeOptions.DEFAULT.truncation(EncodeOptions.Truncation.LONGEST_FIRST).maxLength(limit));
    }
    for (int type : encoding.typeIds()) {
      if (type >= config.types) {
        throw new TextException(where + " is a pair, and the model was made for single texts");
      }
    }
    return encoding;
  }

  static void checkText(String text, String where) {
    if (text == null) {
      throw new TextException(where + " is null");
    }
    if (text.indexOf('\0') >= 0) {
      throw new TextException(where + " holds NUL (U+0000) at character " + text.indexOf('\0') + "; remove it");
    }
  }

  boolean isCached() {
    return signatures.get(Signature.DEFAULT).isCached();
  }

  /** Computes the outputs of one row, at some of its positions only where they run over tokens; null for all. */
  Map<String, float[]> run(Row row, int[] positions) {
    return run(chosen(row.ids.length), Collections.singletonList(row), positions).get(0);
  }

  /** Computes the outputs of rows, like lengths together; in their order. */
  List<Map<String, float[]>> run(List<Row> rows) {
    List<Map<String, float[]>> found = new ArrayList<>(Collections.nCopies(rows.size(), (Map<String, float[]>) null));
    for (List<Integer> batch : packed(rows)) {
      List<Row> together = new ArrayList<>();
      int longest = 0;
      for (int place : batch) {
        together.add(rows.get(place));
        longest = Math.max(longest, rows.get(place).ids.length);
      }
      Iterator<Map<String, float[]>> outputs = run(chosen(longest), together, null).iterator();
      for (int place : batch) {
        found.set(place, outputs.next());
      }
    }
    return found;
  }

  /** Computes the outputs of one row in every signature that holds it. */
  List<Map<String, float[]>> runEverywhere(Row row) {
    List<Map<String, float[]>> found = new ArrayList<>();
    for (Map.Entry<String, Signature> each : signatures.entrySet()) {
      if (each.getValue().length() == 0 || each.getValue().length() >= row.ids.length) {
        found.add(run(each.getKey(), Collections.singletonList(row), null).get(0));
      }
    }
    return found;
  }

  private String chosen(int tokens) {
    String last = null;
    for (Map.Entry<String, Signature> each : signatures.entrySet()) {
      last = each.getKey();
      if (each.getValue().length() == 0 || each.getValue().length() >= tokens) {
        break;
      }
    }
    return last;
  }

  private List<List<Integer>> packed(final List<Row> rows) {
    List<Integer> order = new ArrayList<>();
    for (int place = 0; place < rows.size(); place++) {
      order.add(place);
    }
    Collections.sort(order, new Comparator<Integer>() {
      @Override
      public int compare(Integer one, Integer other) {
        return Integer.compare(rows.get(one).ids.length, rows.get(other).ids.length);
      }
    });
    int most = rows.size();
    for (Signature each : signatures.values()) {
      most = each.rows() == 0 ? most : Math.min(most, each.rows());
    }
    List<List<Integer>> batches = new ArrayList<>();
    for (int place : order) {
      int length = rows.get(place).ids.length;
      List<Integer> last = batches.isEmpty() ? null : batches.get(batches.size() - 1);
      if (last == null || last.size() >= most || (last.size() + 1) * length > TOKEN_BUDGET
          || (alike && rows.get(last.get(0)).ids.length < length)) {
        last = new ArrayList<>();
        batches.add(last);
      }
      last.add(place);
    }
    return batches;
  }

  private List<Map<String, float[]>> run(String name, List<Row> rows, int[] positions) {
    Signature signature = signatures.get(name);
    int width = signature.length();
    for (Row row : rows) {
      width = Math.max(width, row.ids.length);
    }
    Feeds feeds = Feeds.of(signature, rows, width, config.padId, task.padLeft, task.choices);
    boolean read = positions != null && signature.input(Signature.POSITIONS) != null;
    if (read) {
      feeds.positions(positions);
    }
    Map<String, Tensor> outputs = session.run(name, feeds.fitted());
    List<Map<String, float[]>> found = new ArrayList<>();
    for (int place = 0; place < rows.size(); place++) {
      Map<String, float[]> ofRow = new HashMap<>();
      for (String output : task.outputs) {
        Tensor tensor = outputs.get(output);
        if (tensor == null || tensor.shape().length < 2 || tensor.shape()[0] < rows.size()) {
          throw new EngineException("the graph gave no " + output + " for " + rows.size() + " rows");
        }
        ofRow.put(output, ofRow(output, tensor, place, rows.get(place).ids.length, positions, read));
      }
      found.add(ofRow);
    }
    return found;
  }

  /** Takes one row out of a batch, and of the axis that runs over tokens what is read. */
  private float[] ofRow(String name, Tensor tensor, int place, int length, int[] positions, boolean read) {
    int[] shape = tensor.shape();
    int size = Tensor.size(shape) / shape[0];
    int start = place * size;
    float[] values;
    if (!task.overTokens || (positions != null && read)) {
      int count = task.overTokens ? positions.length * (size / shape[1]) : size;
      values = java.util.Arrays.copyOfRange(tensor.floats(), start, start + count);
    } else {
      int width = size / shape[1];
      int first = task.padLeft ? shape[1] - length : 0;
      int[] places = positions;
      if (places == null) {
        places = new int[length];
        for (int at = 0; at < length; at++) {
          places[at] = first + at;
        }
      }
      values = new float[places.length * width];
      for (int at = 0; at < places.length; at++) {
        System.arraycopy(tensor.floats(), start + places[at] * width, values, at * width, width);
      }
    }
    checkFinite(name, values);
    return values;
  }

  static void checkFinite(String name, float[] values) {
    for (float value : values) {
      if (Float.isNaN(value) || Float.isInfinite(value)) {
        throw new EngineException("the graph gave " + name + " that are not finite numbers: the model or the engine is "
            + "broken");
      }
    }
  }

  private static void checkSignatures(Map<String, Signature> listed, Map<String, Signature> found) {
    if (!listed.keySet().equals(found.keySet())) {
      throw new BundleException("the manifest lists other signatures than the model has");
    }
    for (Map.Entry<String, Signature> each : listed.entrySet()) {
      Signature theirs = found.get(each.getKey());
      checkSpecs("inputs", each.getValue().inputs(), theirs.inputs(), false);
      checkSpecs("outputs", each.getValue().outputs(), theirs.outputs(), true);
    }
  }

  private static void checkSpecs(String kind, List<TensorSpec> listed, List<TensorSpec> found, boolean inferred) {
    boolean fits = listed.size() == found.size();
    for (int place = 0; fits && place < listed.size(); place++) {
      TensorSpec ours = listed.get(place);
      TensorSpec theirs = found.get(place);
      fits = ours.name().equals(theirs.name()) && ours.dtype().equals(theirs.dtype())
          && ours.axes().size() == theirs.axes().size();
      for (int axis = 0; fits && axis < ours.axes().size(); axis++) {
        int here = ours.fixedSize(axis);
        int there = theirs.fixedSize(axis);
        // of outputs an engine infers some sizes and does not know others
        fits = here == there || (inferred && (here == 0 || there == 0));
      }
    }
    if (!fits) {
      throw new BundleException("the manifest lists the " + kind + " " + listed + ", and the model has " + found);
    }
  }
}
