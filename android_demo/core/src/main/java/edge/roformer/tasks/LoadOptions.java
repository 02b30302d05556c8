package edge.roformer.tasks;

/** How a bundle is loaded. Every method returns a changed copy. */
public final class LoadOptions {
  /** Two threads; texts that are too long are refused; the self-test runs where there is a reason. */
  public static final LoadOptions DEFAULT = new LoadOptions(2, false, false);

  private final int threads;
  private final boolean truncates;
  private final boolean tests;

  private LoadOptions(int threads, boolean truncates, boolean tests) {
    this.threads = threads;
    this.truncates = truncates;
    this.tests = tests;
  }

  /**
   * Sets the threads of one operation.
   *
   * @param number at least 1
   * @return a copy
   */
  public LoadOptions threads(int number) {
    return new LoadOptions(number, truncates, tests);
  }

  /**
   * Cuts texts that are longer than the model allows, instead of refusing them.
   *
   * @return a copy
   */
  public LoadOptions truncating() {
    return new LoadOptions(threads, true, tests);
  }

  /**
   * Compares the engine with the recorded answers, though nothing speaks against it.
   *
   * @return a copy
   */
  public LoadOptions testing() {
    return new LoadOptions(threads, truncates, true);
  }

  int threads() {
    return threads;
  }

  boolean truncates() {
    return truncates;
  }

  boolean tests() {
    return tests;
  }
}
