package io.awseventcache.bridge.service;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.core.env.Environment;

/** Settings, read so that none of them can keep a Spinnaker service from starting. */
public final class Settings {

  private static final Logger log = LoggerFactory.getLogger(Settings.class);

  private final Environment environment;

  public Settings(Environment environment) {
    this.environment = environment;
  }

  /** What is set, without blanks around it; {@code fallback} if nothing is; null, said in the log, if it is a reference that leads nowhere. */
  public String text(String key, String fallback) {
    String given = resolved(key);
    if (given != null && given.contains("${")) {
      log.error("{} cannot be used: it refers to a variable that is not there", key);
      return null;
    }
    return given == null || given.isBlank() ? fallback : given.strip();
  }

  /** Of a reference that leads nowhere older releases of Spring leave the reference itself; newer ones throw, which would end the start of the service. */
  private String resolved(String key) {
    try {
      return environment.getProperty(key);
    } catch (IllegalArgumentException e) {
      return "${}";
    }
  }
}
