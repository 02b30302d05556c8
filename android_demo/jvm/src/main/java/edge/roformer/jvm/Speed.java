package edge.roformer.jvm;

import com.sun.management.OperatingSystemMXBean;
import edge.roformer.json.Fields;
import edge.roformer.json.Json;
import edge.roformer.tokenizer.Tokenizer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Times the tokenizer: how long a fresh process takes to open it, and 15 passes over texts for every line that it reads. */
final class Speed {
  // the processor time of a process is told in steps of 10 ms
  private static final int PASSES = 15;
  private static final double NANOS = 1e9;

  private Speed() {}

  /** Prints the seconds of opening, then of each 15 passes; processor time counts compiling and collecting garbage. */
  static void measure(Path settings, Path vocabulary, Path words, Path unicode, Path texts, PrintStream out)
      throws IOException {
    long start = System.nanoTime();
    Tokenizer tokenizer = Encodings.open(settings, vocabulary, words, unicode);
    double opened = (System.nanoTime() - start) / NANOS;
    int first = tokenizer.encode("今天天气非常好，我们一起去公园玩吧！", null).length();
    double answered = (System.nanoTime() - start) / NANOS;
    out.println(JsonText.of(Answers.row("opened_s", opened, "first_ids_s", answered, "tokens", first)));
    out.flush();
    List<String> lines = new ArrayList<>();
    for (String line : Files.readAllLines(texts, StandardCharsets.UTF_8)) {
      lines.add(Fields.of(Json.parse(line, "the line"), "the line").text("text"));
    }
    OperatingSystemMXBean process = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    BufferedReader turns = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    while (turns.readLine() != null) {
      long tokens = 0;
      long before = process.getProcessCpuTime();
      start = System.nanoTime();
      for (int pass = 0; pass < PASSES; pass++) {
        for (String text : lines) {
          tokens += tokenizer.encode(text, null).length();
        }
      }
      double wall = (System.nanoTime() - start) / NANOS;
      double cpu = (process.getProcessCpuTime() - before) / NANOS;
      out.println(JsonText.of(Answers.row("cpu_s", cpu, "wall_s", wall, "tokens", tokens)));
      out.flush();
    }
  }
}
