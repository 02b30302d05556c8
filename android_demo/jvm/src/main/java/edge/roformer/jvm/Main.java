package edge.roformer.jvm;

import edge.roformer.EngineException;
import edge.roformer.RoFormerException;
import edge.roformer.bundle.Bundle;
import edge.roformer.engine.Engine;
import edge.roformer.json.Fields;
import edge.roformer.json.Json;
import edge.roformer.tasks.LoadOptions;
import edge.roformer.tasks.Pipeline;
import edge.roformer.tokenizer.Tokenizer;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** The command line: lines of JSON in, lines of JSON out. */
public final class Main {
  private static final String USAGE = String.join("\n",
      "run LIBRARY BUNDLE [test]      answer lines with the fields of the bundle's task",
      "outputs LIBRARY BUNDLE         give the graph's outputs for lines with text and perhaps text_pair",
      "tokenize SETTINGS VOCABULARY WORDS UNICODE",
      "                               encode lines with text, perhaps pair, and the options of the call",
      "speed SETTINGS VOCABULARY WORDS UNICODE TEXTS",
      "                               time opening, and for every line read 15 passes over the lines of a file",
      "verify BUNDLE                  compare every file with its digest",
      "",
      "LIBRARY is a libonnxruntime.so, or the word jar for the app's engine in the class path; BUNDLE is a directory",
      "or an archive. An input that cannot be used gives a line with its error.");
  private static final String JAR = "jar";
  private static final PrintStream OUT = new PrintStream(System.out, false, StandardCharsets.UTF_8);

  private Main() {}

  /**
   * Runs a command.
   *
   * @param arguments the command and its arguments
   */
  public static void main(String[] arguments) {
    try {
      System.exit(run(arguments));
    } catch (RoFormerException | IOException error) {
      OUT.flush();
      System.err.println("error: " + error.getMessage());
      System.exit(1);
    }
  }

  private static int run(String[] arguments) throws IOException {
    String command = arguments.length == 0 ? "" : arguments[0];
    if (command.equals("verify") && arguments.length == 2) {
      try (Bundle bundle = Bundle.open(new File(arguments[1]))) {
        bundle.verify();
        OUT.println(JsonText.of(Answers.row("digest", bundle.digest(), "task", bundle.manifest().task(), "files",
            bundle.manifest().files().size())));
      }
    } else if (command.equals("tokenize") && arguments.length == 5) {
      Tokenizer tokenizer = Encodings.open(Path.of(arguments[1]), Path.of(arguments[2]), Path.of(arguments[3]),
          Path.of(arguments[4]));
      answer(line -> Encodings.of(tokenizer, line));
    } else if (command.equals("speed") && arguments.length == 6) {
      Speed.measure(Path.of(arguments[1]), Path.of(arguments[2]), Path.of(arguments[3]), Path.of(arguments[4]),
          Path.of(arguments[5]), OUT);
    } else if (command.equals("run") && (arguments.length == 3 || arguments.length == 4)) {
      try (Pipeline pipeline = load(arguments)) {
        answer(line -> Answers.of(pipeline, line));
      }
    } else if (command.equals("outputs") && arguments.length == 3) {
      try (Pipeline pipeline = load(arguments)) {
        answer(line -> pipeline.outputs(line.text("text"), line.textOrNull("text_pair")));
      }
    } else {
      System.err.println(USAGE);
      return 2;
    }
    OUT.flush();
    return 0;
  }

  private static Pipeline load(String[] arguments) {
    Engine engine = arguments[1].equals(JAR) ? ofJar() : new OrtEngine(Path.of(arguments[1]));
    LoadOptions options = LoadOptions.DEFAULT.threads(1);
    try (Bundle bundle = Bundle.open(new File(arguments[2]))) {
      return Pipeline.load(bundle, engine, arguments.length == 4 ? options.testing() : options);
    }
  }

  /** The app's own engine, which is not compiled with the runner. */
  private static Engine ofJar() {
    try {
      return (Engine) Class.forName("edge.roformer.ort.OnnxEngine").getConstructor().newInstance();
    } catch (InvocationTargetException error) {
      throw error.getCause() instanceof RoFormerException told ? told
          : new EngineException("the engine cannot be started: " + error.getCause(), error);
    } catch (ReflectiveOperationException error) {
      throw new EngineException("the class path holds no engine: " + error.getMessage(), error);
    }
  }

  private static void answer(Line answer) throws IOException {
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    String line;
    while ((line = lines.readLine()) != null) {
      Object found;
      try {
        found = answer.of(Fields.of(Json.parse(line, "the line"), "the line"));
      } catch (RoFormerException error) {
        found = Answers.row("error", error.getMessage());
      }
      OUT.println(JsonText.of(found));
    }
  }

  /** Answers one line. */
  private interface Line {
    Object of(Fields line);
  }
}
