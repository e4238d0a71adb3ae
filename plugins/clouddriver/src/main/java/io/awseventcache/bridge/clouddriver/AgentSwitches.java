package io.awseventcache.bridge.clouddriver;

import io.awseventcache.bridge.service.Settings;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.springframework.core.env.Environment;

/** Clouddriver's own settings that keep agents from running. */
final class AgentSwitches {

  private final Settings settings;

  AgentSwitches(Environment environment) {
    this.settings = new Settings(environment);
  }

  /** Whether Clouddriver will not run this agent, as far as its settings tell. */
  boolean areOff(String agentType, String scheduler) {
    if ("false".equalsIgnoreCase(settings.text("caching.write-enabled", "true"))) {
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
      String pattern = settings.text(key, ".*");
      return pattern == null || Pattern.compile(pattern, key.startsWith("sql") ? Pattern.CASE_INSENSITIVE : 0).matcher(agentType).matches();
    } catch (PatternSyntaxException e) {
      return true;
    }
  }

  /** The setting is a text with commas, or a list. */
  private boolean isListed(String agentType) {
    String key = "sql.agent.disabled-agents";
    String together = settings.text(key, "");
    if (together != null && List.of(together.split("\\s*,\\s*")).contains(agentType)) {
      return true;
    }
    for (int i = 0; ; i++) {
      String one = settings.text(key + "[" + i + "]", null);
      if (one == null) {
        return false;
      }
      if (one.equals(agentType)) {
        return true;
      }
    }
  }
}
