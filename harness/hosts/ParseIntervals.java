import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Map;
import java.util.Scanner;

/**
 * Has the plugin parse answers of the service. Each line of the input is an answer in hexadecimal digits; for each a line is printed: {@code no} and why, or
 * {@code yes}, for how many seconds it holds, and each agent, in hexadecimal digits again, with its milliseconds.
 *
 * <p>{@code java -cp <the plugin's classes> ParseIntervals.java}
 */
public class ParseIntervals {
  public static void main(String[] arguments) throws Exception {
    Class<?> answer = Class.forName("io.awseventcache.bridge.clouddriver.IntervalsAnswer");
    Method parse = open(answer.getDeclaredMethod("parse", byte[].class));
    Method validForSeconds = open(answer.getDeclaredMethod("validForSeconds"));
    Method millis = open(answer.getDeclaredMethod("millis"));
    Scanner lines = new Scanner(System.in);
    while (lines.hasNextLine()) {
      byte[] body = HexFormat.of().parseHex(lines.nextLine());
      try {
        Object parsed = parse.invoke(null, (Object) body);
        StringBuilder said = new StringBuilder("yes " + validForSeconds.invoke(parsed));
        for (Map.Entry<?, ?> agent : ((Map<?, ?>) millis.invoke(parsed)).entrySet()) {
          byte[] name = ((String) agent.getKey()).getBytes(StandardCharsets.UTF_8);
          said.append(" ").append(HexFormat.of().formatHex(name)).append("=").append(agent.getValue());
        }
        System.out.println(said);
      } catch (InvocationTargetException e) {
        if (!(e.getCause() instanceof IllegalArgumentException)) {
          throw e;
        }
        System.out.println("no " + e.getCause().getMessage());
      }
    }
  }

  private static Method open(Method method) {
    method.setAccessible(true);
    return method;
  }
}
