package io.awseventcache.bridge.service;

import java.net.URI;
import java.net.http.HttpRequest;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.core.env.Environment;

/**
 * Where AWS Event Cache is, and the secret that it and Spinnaker share. Unusable settings are logged once and remembered: an exception here would keep the whole
 * Spinnaker service from starting.
 */
public final class ServiceAddress {

  /** The header that carries the secret, both to the service's SNS endpoint and from the service to Clouddriver. */
  public static final String SECRET_HEADER = "X-AWS-Event-Cache-Secret";

  /** The name and port that the installation kits give the service, in Spinnaker's own namespace. */
  private static final String DEFAULT_BASE = "http://aws-event-cache:8080";

  private static final Logger log = LoggerFactory.getLogger(ServiceAddress.class);

  /** Null if it cannot be used. */
  private final String base;

  /** Empty if there is none. */
  private final String secret;

  /** Reads {@code aws-event-cache.base-url} and {@code aws-event-cache.secret}, or the environment variables of these names in capitals. */
  public ServiceAddress(Environment environment) {
    Settings settings = new Settings(environment);
    String usable = base(settings.text("aws-event-cache.base-url", DEFAULT_BASE));
    String wanted = settings.text("aws-event-cache.secret", "");
    if (wanted != null && !isHeaderValue(wanted)) {
      log.error("aws-event-cache.secret cannot be used: it must be printable ASCII without blanks");
      wanted = null;
    }
    base = wanted == null ? null : usable;
    // One that nobody knows: whoever must show it is refused.
    secret = wanted == null ? UUID.randomUUID().toString() : wanted;
  }

  /** The URL of a path of the service; null if the settings cannot be used. */
  public URI resolve(String path) {
    return base == null ? null : URI.create(base + path);
  }

  /** The secret; empty if there is none, and one that nobody knows if it cannot be used. */
  public String secret() {
    return secret;
  }

  private static String base(String given) {
    if (given == null) {
      return null;
    }
    try {
      URI uri = URI.create(given.replaceAll("/+$", ""));
      if (uri.getRawUserInfo() != null || uri.getRawQuery() != null || uri.getRawFragment() != null) {
        throw new IllegalArgumentException("it must be scheme, host, port and at most a path");
      }
      // Checks scheme and host as the client will.
      HttpRequest.newBuilder(uri);
      return uri.toString();
    } catch (IllegalArgumentException e) {
      // The text itself may hold a password, so it is not repeated.
      log.error("aws-event-cache.base-url cannot be used, expected something like {}: {}", DEFAULT_BASE, reason(e));
      return null;
    }
  }

  /** The part of a message that does not quote the input. */
  private static String reason(IllegalArgumentException e) {
    String message = String.valueOf(e.getMessage());
    int colon = message.indexOf(':');
    return colon < 0 ? message : message.substring(0, colon);
  }

  private static boolean isHeaderValue(String text) {
    return text.chars().allMatch(c -> c > ' ' && c < 0x7f);
  }
}
