package edge.roformer.app;

import android.content.Context;
import android.graphics.Canvas;
import android.graphics.Paint;
import android.text.TextPaint;
import android.text.TextUtils;
import android.view.View;

/** A bar as long as a score, with its name and share over it. */
final class BarView extends View {
  private static final int HEIGHT = 44;
  private static final int THICKNESS = 8;
  private static final int TEXT = 15;

  private final Answer.Bar bar;
  private final String share;
  private final float unit;
  private final Paint paint = new Paint(Paint.ANTI_ALIAS_FLAG);
  private final TextPaint letters = new TextPaint(Paint.ANTI_ALIAS_FLAG);

  BarView(Context context, Answer.Bar bar) {
    super(context);
    this.bar = bar;
    unit = getResources().getDisplayMetrics().density;
    letters.setColor(context.getColor(R.color.ink));
    letters.setTextSize(TEXT * getResources().getDisplayMetrics().scaledDensity);
    share = String.format("%.1f %%", 100 * bar.score);
    setContentDescription(context.getString(R.string.share, bar.name, 100 * bar.score));
  }

  @Override
  protected void onMeasure(int width, int height) {
    int letter = Math.round(letters.getFontSpacing());
    setMeasuredDimension(MeasureSpec.getSize(width), Math.max(Math.round(HEIGHT * unit), letter + Math.round(18 * unit)));
  }

  @Override
  protected void onDraw(Canvas canvas) {
    float width = getWidth();
    float number = letters.measureText(share);
    CharSequence name = TextUtils.ellipsize(bar.name, letters, width - number - 12 * unit, TextUtils.TruncateAt.END);
    float base = -letters.getFontMetrics().ascent;
    canvas.drawText(name, 0, name.length(), 0, base, letters);
    canvas.drawText(share, width - number, base, letters);
    float top = letters.getFontSpacing() + 4 * unit;
    float round = THICKNESS * unit / 2;
    paint.setColor(getContext().getColor(R.color.surface));
    canvas.drawRoundRect(0, top, width, top + THICKNESS * unit, round, round, paint);
    paint.setColor(getContext().getColor(R.color.bar));
    float length = Math.max(THICKNESS * unit, (float) (width * Math.min(1, Math.max(0, bar.score))));
    canvas.drawRoundRect(0, top, length, top + THICKNESS * unit, round, round, paint);
  }
}
