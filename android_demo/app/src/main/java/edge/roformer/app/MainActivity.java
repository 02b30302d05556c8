package edge.roformer.app;

import android.app.Activity;
import android.app.AlertDialog;
import android.content.res.TypedArray;
import android.os.Bundle;
import android.os.Handler;
import android.os.Looper;
import android.text.SpannableString;
import android.text.Spanned;
import android.text.style.BackgroundColorSpan;
import android.view.View;
import android.view.ViewGroup;
import android.widget.AdapterView;
import android.widget.ArrayAdapter;
import android.widget.Button;
import android.widget.EditText;
import android.widget.LinearLayout;
import android.widget.Spinner;
import android.widget.TextView;
import edge.roformer.RoFormerException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** The one screen: a bundle, a text, its answer, and what answered in which time. */
public final class MainActivity extends Activity implements AdapterView.OnItemSelectedListener, View.OnClickListener {
  private static final String BUNDLES = "bundles";
  private static final String LICENCES = "licences";

  // one thread: a model is never loaded, asked and closed at once
  private final ExecutorService worker = Executors.newSingleThreadExecutor();
  private final Handler screen = new Handler(Looper.getMainLooper());
  private final List<Double> times = new ArrayList<>();
  private Model model;
  private Spinner bundles;
  private EditText text;
  private EditText second;
  private LinearLayout sentences;
  private Button answer;
  private TextView told;
  private LinearLayout bars;
  private TextView facts;

  @Override
  protected void onCreate(Bundle state) {
    super.onCreate(state);
    setContentView(R.layout.main);
    bundles = findViewById(Spinner.class, R.id.bundles);
    text = findViewById(EditText.class, R.id.text);
    second = findViewById(EditText.class, R.id.second);
    sentences = findViewById(LinearLayout.class, R.id.sentences);
    answer = findViewById(Button.class, R.id.answer);
    told = findViewById(TextView.class, R.id.told);
    bars = findViewById(LinearLayout.class, R.id.bars);
    facts = findViewById(TextView.class, R.id.facts);
    answer.setOnClickListener(this);
    findViewById(R.id.licences).setOnClickListener(this);
    String[] names = list(BUNDLES);
    if (names.length == 0) {
      told.setText(R.string.no_bundle);
      return;
    }
    ArrayAdapter<String> choice = new ArrayAdapter<>(this, android.R.layout.simple_spinner_item, names);
    choice.setDropDownViewResource(android.R.layout.simple_spinner_dropdown_item);
    bundles.setAdapter(choice);
    bundles.setOnItemSelectedListener(this);
  }

  @Override
  protected void onDestroy() {
    worker.execute(new Runnable() {
      @Override
      public void run() {
        close();
      }
    });
    worker.shutdown();
    super.onDestroy();
  }

  @Override
  public void onItemSelected(AdapterView<?> parent, View view, int place, long id) {
    final String folder = BUNDLES + "/" + parent.getItemAtPosition(place);
    answer.setEnabled(false);
    bars.removeAllViews();
    facts.setText("");
    told.setText(R.string.loading);
    worker.execute(new Runnable() {
      @Override
      public void run() {
        close();
        try {
          model = new Model(getAssets(), folder);
          times.clear();
          show(null, model);
        } catch (RoFormerException error) {
          tell(error.getMessage());
        }
      }
    });
  }

  @Override
  public void onNothingSelected(AdapterView<?> parent) {
    answer.setEnabled(false);
  }

  @Override
  public void onClick(View view) {
    if (view.getId() == R.id.licences) {
      showLicences();
    } else if (view == answer) {
      ask();
    } else {
      text.setText(((Button) view).getText());
      ask();
    }
  }

  private void ask() {
    final String asked = text.getText().toString();
    final String other = second.getText().toString();
    if (asked.trim().isEmpty()) {
      told.setText(R.string.empty);
      return;
    }
    answer.setEnabled(false);
    worker.execute(new Runnable() {
      @Override
      public void run() {
        if (model == null) {
          return;
        }
        try {
          long start = System.nanoTime();
          Answer found = Answer.of(model.pipeline, asked, other);
          times.add((System.nanoTime() - start) / 1e6);
          show(found, model);
        } catch (RoFormerException error) {
          tell(error.getMessage());
        }
      }
    });
  }

  private void close() {
    if (model != null) {
      model.pipeline.close();
      model = null;
    }
  }

  private void tell(final String message) {
    screen.post(new Runnable() {
      @Override
      public void run() {
        answer.setEnabled(true);
        bars.removeAllViews();
        told.setText(message);
      }
    });
  }

  /** Shows an answer, or, where there is none yet, that the model is ready. */
  private void show(final Answer found, final Model by) {
    final String about = about(by);
    screen.post(new Runnable() {
      @Override
      public void run() {
        answer.setEnabled(true);
        facts.setText(about);
        bars.removeAllViews();
        if (found == null) {
          told.setText("");
          prepare(by.task);
          return;
        }
        boolean nothing = found.bars.isEmpty() && found.text.isEmpty();
        told.setText(nothing ? getString(R.string.nothing) : marked(found));
        told.setVisibility(nothing || !found.text.isEmpty() ? View.VISIBLE : View.GONE);
        for (Answer.Bar bar : found.bars) {
          bars.addView(new BarView(MainActivity.this, bar), new LinearLayout.LayoutParams(
              ViewGroup.LayoutParams.MATCH_PARENT, ViewGroup.LayoutParams.WRAP_CONTENT));
        }
      }
    });
  }

  private String about(Model by) {
    StringBuilder lines = new StringBuilder();
    if (!times.isEmpty()) {
      List<Double> sorted = new ArrayList<>(times);
      Collections.sort(sorted);
      lines.append(getString(R.string.took, times.get(times.size() - 1), sorted.get(sorted.size() / 2), sorted.size()));
      lines.append('\n');
    }
    lines.append(getString(R.string.engine, by.engine, by.pipeline.delegate(), by.task, by.digest)).append('\n');
    lines.append(by.tested ? getString(R.string.tested, by.pipeline.selfTestDifference())
        : getString(R.string.untested)).append('\n');
    return lines.append(getString(R.string.opened, by.milliseconds)).toString();
  }

  private SpannableString marked(Answer found) {
    SpannableString shown = new SpannableString(found.text);
    TypedArray colours = getResources().obtainTypedArray(R.array.marks);
    Map<String, Integer> byLabel = new HashMap<>();
    for (Answer.Mark mark : found.marks) {
      Integer colour = byLabel.get(mark.label);
      if (colour == null) {
        colour = colours.getColor(byLabel.size() % colours.length(), 0);
        byLabel.put(mark.label, colour);
      }
      shown.setSpan(new BackgroundColorSpan(colour), mark.start, mark.end, Spanned.SPAN_EXCLUSIVE_EXCLUSIVE);
    }
    colours.recycle();
    return shown;
  }

  /** Sets the fields and sentences of a task. */
  private void prepare(String task) {
    boolean asks = task.equals("question-answering");
    boolean chooses = task.equals("multiple-choice");
    text.setHint(asks ? R.string.question : R.string.text);
    second.setHint(chooses ? R.string.choices : R.string.context);
    second.setVisibility(asks || chooses ? View.VISIBLE : View.GONE);
    sentences.removeAllViews();
    int id = getResources().getIdentifier("sentences_" + task.replace('-', '_'), "array", getPackageName());
    if (id == 0) {
      return;
    }
    for (String sentence : getResources().getStringArray(id)) {
      Button button = new Button(this, null, android.R.attr.borderlessButtonStyle);
      button.setText(sentence);
      button.setAllCaps(false);
      button.setBackgroundResource(R.drawable.sentence);
      button.setOnClickListener(this);
      LinearLayout.LayoutParams place = new LinearLayout.LayoutParams(ViewGroup.LayoutParams.WRAP_CONTENT,
          ViewGroup.LayoutParams.WRAP_CONTENT);
      place.setMarginEnd(Math.round(8 * getResources().getDisplayMetrics().density));
      sentences.addView(button, place);
    }
  }

  private void showLicences() {
    StringBuilder all = new StringBuilder();
    for (String name : list(LICENCES)) {
      all.append(name).append("\n\n").append(read(LICENCES + "/" + name)).append("\n\n");
    }
    new AlertDialog.Builder(this).setTitle(R.string.licences).setMessage(all)
        .setPositiveButton(android.R.string.ok, null).show();
  }

  private String[] list(String folder) {
    try {
      String[] names = getAssets().list(folder);
      return names == null ? new String[0] : names;
    } catch (IOException error) {
      return new String[0];
    }
  }

  private String read(String path) {
    try (InputStream stream = getAssets().open(path)) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      byte[] piece = new byte[1 << 14];
      int count;
      while ((count = stream.read(piece)) >= 0) {
        bytes.write(piece, 0, count);
      }
      return new String(bytes.toByteArray(), StandardCharsets.UTF_8);
    } catch (IOException error) {
      return error.toString();
    }
  }

  private <T extends View> T findViewById(Class<T> kind, int id) {
    return kind.cast(findViewById(id));
  }
}
