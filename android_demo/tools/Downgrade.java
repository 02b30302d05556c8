import java.io.IOException;
import java.lang.classfile.AccessFlags;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFileVersion;
import java.lang.classfile.FieldModel;
import java.lang.classfile.MethodModel;
import java.lang.classfile.attribute.NestHostAttribute;
import java.lang.classfile.attribute.NestMembersAttribute;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;

/**
 * Rewrites a jar of newer class files to those of Java 8, which is what dx takes.
 *
 * <p>Nests are gone from them, so what one class of a nest keeps private from all others becomes visible in its package.
 */
public final class Downgrade {
  private Downgrade() {}

  /**
   * Rewrites one jar.
   *
   * @param arguments the jar, and the one to write
   */
  public static void main(String[] arguments) throws IOException {
    try (ZipInputStream from = new ZipInputStream(Files.newInputStream(Path.of(arguments[0])));
        ZipOutputStream to = new ZipOutputStream(Files.newOutputStream(Path.of(arguments[1])))) {
      for (ZipEntry entry = from.getNextEntry(); entry != null; entry = from.getNextEntry()) {
        if (entry.getName().endsWith(".class")) {
          to.putNextEntry(new ZipEntry(entry.getName()));
          to.write(rewritten(from.readAllBytes()));
          to.closeEntry();
        }
      }
    }
  }

  private static byte[] rewritten(byte[] bytes) {
    ClassFile file = ClassFile.of();
    return file.transformClass(file.parse(bytes), (builder, element) -> {
      switch (element) {
        case ClassFileVersion version -> builder.withVersion(ClassFile.JAVA_8_VERSION, 0);
        case NestHostAttribute host -> { }
        case NestMembersAttribute members -> { }
        case FieldModel field -> builder.transformField(field, (made, part) -> {
          if (part instanceof AccessFlags flags) {
            made.withFlags(flags.flagsMask() & ~ClassFile.ACC_PRIVATE);
          } else {
            made.with(part);
          }
        });
        case MethodModel method -> builder.transformMethod(method, (made, part) -> {
          if (part instanceof AccessFlags flags) {
            made.withFlags(opened(flags.flagsMask(), method.methodName().stringValue()));
          } else {
            made.with(part);
          }
        });
        default -> builder.with(element);
      }
    });
  }

  /** A private method that could be overridden now is final: that fails aloud where a subclass has one of its name. */
  private static int opened(int flags, String name) {
    if ((flags & ClassFile.ACC_PRIVATE) == 0) {
      return flags;
    }
    boolean bound = (flags & ClassFile.ACC_STATIC) != 0 || name.equals("<init>");
    return (flags & ~ClassFile.ACC_PRIVATE) | (bound ? 0 : ClassFile.ACC_FINAL);
  }
}
