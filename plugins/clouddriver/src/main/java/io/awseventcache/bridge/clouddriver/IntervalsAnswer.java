package io.awseventcache.bridge.clouddriver;

import java.util.HashMap;
import java.util.Map;

/**
 * What {@code GET /v1/agent-intervals} answers: {@code {"validForSeconds": 60, "agents": {"<agentType>": {"intervalSeconds": 300}}}}. Members that are not known are
 * passed over, since a later service may say more; anything else that is not as it should be spoils the whole answer.
 */
final class IntervalsAnswer {

  /** Longer than that no answer may claim to hold: it bounds how long a service that is gone goes on slowing Clouddriver down. */
  private static final long LONGEST_VALIDITY = 600;

  /** A day. Beyond it somebody has mixed up units. */
  private static final long LONGEST_INTERVAL = 86_400;

  private final long validForSeconds;
  private final Map<String, Long> millis;

  private IntervalsAnswer(long validForSeconds, Map<String, Long> millis) {
    this.validForSeconds = validForSeconds;
    this.millis = millis;
  }

  /** From 1 to 600. */
  long validForSeconds() {
    return validForSeconds;
  }

  /** Milliseconds by agent type. */
  Map<String, Long> millis() {
    return millis;
  }

  /**
   * Reads an answer.
   *
   * @throws IllegalArgumentException when it is not one; the message says where
   */
  static IntervalsAnswer parse(byte[] body) {
    JsonReader json = new JsonReader(body);
    Long[] validFor = new Long[1];
    Map<String, Long> agents = new HashMap<>();
    boolean[] named = new boolean[1];
    json.object(
        member -> {
          if (member.equals("validForSeconds")) {
            validFor[0] = json.integer(1, LONGEST_VALIDITY);
          } else if (member.equals("agents")) {
            named[0] = true;
            json.object(agent -> agents.put(agent, interval(json)));
          } else {
            json.skip();
          }
        });
    json.end();
    if (validFor[0] == null || !named[0]) {
      throw new IllegalArgumentException("validForSeconds and agents must be given");
    }
    return new IntervalsAnswer(validFor[0], Map.copyOf(agents));
  }

  private static long interval(JsonReader json) {
    Long[] seconds = new Long[1];
    json.object(
        member -> {
          if (member.equals("intervalSeconds")) {
            seconds[0] = json.integer(1, LONGEST_INTERVAL);
          } else {
            json.skip();
          }
        });
    if (seconds[0] == null) {
      throw new IllegalArgumentException("an agent without intervalSeconds");
    }
    return 1_000 * seconds[0];
  }
}
