package io.awseventcache.bridge.gate;

import io.awseventcache.bridge.service.ServiceAddress;
import io.awseventcache.bridge.service.ServiceClient;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Hands messages to the service. Whatever goes wrong becomes a 503, which has SNS try again. Knows nothing of web frameworks. */
final class Relay {

  /** Where the service takes messages. */
  private static final String PATH = "/v1/sns";

  /** SNS gives up after 15 s. Answering before that keeps the outcome ours: a 503, and not a message that SNS counts as lost while it was taken. */
  private static final Duration WITHIN = Duration.ofSeconds(10);

  /** At once. A service that hangs can occupy so many of Gate's 200 request threads, and no more. */
  private static final int PARALLEL = 32;

  /** Bytes of the service's answer: SNS reads none of it, people who look for a mistake read a line. */
  private static final int LARGEST_ANSWER = 64 * 1024;

  /** What the service may see of a request. Nothing of a user, who may be logged in to Gate, is among it. */
  private static final List<String> HEADERS =
      List.of(
          "Content-Type",
          "User-Agent",
          "x-amz-sns-message-type",
          "x-amz-sns-message-id",
          "x-amz-sns-topic-arn",
          "x-amz-sns-subscription-arn",
          "x-amz-sns-rawdelivery");

  /** A type that Spring can put into an answer. Another one would become a 500. */
  private static final Pattern MEDIA_TYPE = Pattern.compile("[\\w!#$&^.+-]+/[\\w!#$&^.+-]+( *; *[\\w.-]+=[\\w.-]+)*");

  private static final Logger log = LoggerFactory.getLogger(Relay.class);

  private final URI target;
  private final String secret;
  private final Semaphore permits = new Semaphore(PARALLEL);
  private final ServiceClient client = new ServiceClient();

  Relay(ServiceAddress service) {
    this.target = service.resolve(PATH);
    this.secret = service.secret();
  }

  /** Where messages go; null if the settings cannot be used. */
  URI target() {
    return target;
  }

  /**
   * Hands one message over.
   *
   * @param header the request's headers: gives a header's first value, or null
   */
  Reply send(UnaryOperator<String> header, byte[] message) {
    if (target == null) {
      return Reply.text(503, "the bridge's settings cannot be used; see the log");
    }
    if (!permits.tryAcquire()) {
      return Reply.text(503, "too many messages under way");
    }
    try {
      return reply(client.exchange(request(header, message), WITHIN, LARGEST_ANSWER));
    } catch (IOException e) {
      log.warn("aws-event-cache bridge: a message was not handed over, SNS will repeat it: {}", e.toString());
      return Reply.text(503, "aws-event-cache is unavailable");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Reply.text(503, "Gate is ending");
    } finally {
      permits.release();
    }
  }

  private HttpRequest request(UnaryOperator<String> header, byte[] message) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(target).timeout(WITHIN).POST(HttpRequest.BodyPublishers.ofByteArray(message));
    for (String name : HEADERS) {
      String value = header.apply(name);
      if (value != null) {
        relay(request, name, value);
      }
    }
    if (!secret.isEmpty()) {
      request.setHeader(ServiceAddress.SECRET_HEADER, secret);
    }
    return request.build();
  }

  private static void relay(HttpRequest.Builder request, String name, String value) {
    try {
      request.setHeader(name, value);
    } catch (IllegalArgumentException e) {
      log.warn("aws-event-cache bridge: header {} left out: its value is not legal in a request", name);
    }
  }

  private static Reply reply(HttpResponse<byte[]> answer) {
    String type = answer.headers().firstValue("Content-Type").orElse(Reply.TEXT);
    return new Reply(answer.statusCode(), MEDIA_TYPE.matcher(type).matches() ? type : Reply.TEXT, answer.body());
  }
}
