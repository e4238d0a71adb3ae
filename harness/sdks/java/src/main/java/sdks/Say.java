package sdks;

import java.util.Arrays;

/** One line of the script of ../README.md, and what both generations share. */
final class Say {
  static final String REGION = System.getenv("AWS_REGION");
  static final String BUCKET = "sdk-calls";
  static final String KEY = "a b/c+d";

  private Say() {}

  static void say(String call, Object answer) {
    String text = String.valueOf(answer).replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
    System.out.println("{\"call\": \"" + call + "\", \"answer\": \"" + text + "\"}");
  }

  static boolean direct() {
    return System.getenv("CALLS_ENDPOINT") != null;
  }

  /** Where a service is; null where the SDK's own answer is the right one. */
  static String endpoint(String host) {
    if (direct()) return System.getenv("CALLS_ENDPOINT");
    return System.getenv("CALLS_VIA").equals("http") ? "http://" + host + "." + REGION + ".amazonaws.com" : null;
  }

  static byte[] bigBody() {
    byte[] body = new byte[3 << 20];
    for (int i = 0; i < body.length; i++) body[i] = (byte) (i * 31);
    return body;
  }

  static boolean same(byte[] one, byte[] other) {
    return Arrays.equals(one, other);
  }
}
