package io.awseventcache.bridge.clouddriver;

import java.util.Locale;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.springframework.core.env.Environment;

/** Clouddriver's own settings that keep agents from running. */
final class AgentSwitches {

  private final Environment environment;

  AgentSwitches(Environment environment) {
    this.environment = environment;
  }

  /** Whether Clouddriver will not run this agent, as far as its settings tell. */
  boolean areOff(String agentType, String scheduler) {
    if ("false".equalsIgnoreCase(environment.getProperty("caching.write-enabled"))) {
      return true;
    }
    if (scheduler.startsWith("Sql")) {
      return isListed(agentType) || !matches("sql.agent.enabled-pattern", agentType);
    }
    // This scheduler compares the name in small letters.
    return scheduler.startsWith("Clustered") && !matches("redis.agent.enabled-pattern", agentType.toLowerCase(Locale.ROOT));
  }

  private boolean matches(String key, String agentType) {
    try {
      String pattern = environment.getProperty(key, ".*");
      return Pattern.compile(pattern, key.startsWith("sql") ? Pattern.CASE_INSENSITIVE : 0).matcher(agentType).matches();
    } catch (PatternSyntaxException e) {
      return true;
    }
  }

  /** The setting is a text with commas, or a list. */
  private boolean isListed(String agentType) {
    String key = "sql.agent.disabled-agents";
    for (String one : environment.getProperty(key, "").split(",")) {
      if (one.strip().equals(agentType)) {
        return true;
      }
    }
    for (int i = 0; ; i++) {
      String one = environment.getProperty(key + "[" + i + "]");
      if (one == null) {
        return false;
      }
      if (one.strip().equals(agentType)) {
        return true;
      }
    }
  }
}
