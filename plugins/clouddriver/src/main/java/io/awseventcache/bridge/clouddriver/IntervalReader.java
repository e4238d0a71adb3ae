package io.awseventcache.bridge.clouddriver;

import io.awseventcache.bridge.service.ServiceAddress;
import io.awseventcache.bridge.service.ServiceClient;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Keeps at hand what the service says about intervals, as long as it may be believed. One thread of its own, which ends with Clouddriver. */
final class IntervalReader {

  private static final String PATH = "/v1/agent-intervals";

  /** Between two readings: what is new takes effect at an agent's next run anyway, which is 30 s away. */
  private static final Duration EVERY = Duration.ofSeconds(5);

  /** For a whole reading. */
  private static final Duration WITHIN = Duration.ofSeconds(5);

  /** Bytes: some 50,000 agents. */
  private static final int LARGEST = 8 * 1024 * 1024;

  private static final Logger log = LoggerFactory.getLogger(IntervalReader.class);

  private final URI source;
  private final String secret;
  private final ServiceClient client = new ServiceClient();
  private final Thread thread;
  private volatile Known known = new Known(Map.of(), System.nanoTime());

  /** Whether the last reading went well; null before the first. Only the reading thread looks at it. */
  private Boolean well;

  /** What was said, and until when it holds (nanoseconds). */
  private static final class Known {
    final Map<String, Long> millis;
    final long until;

    Known(Map<String, Long> millis, long until) {
      this.millis = millis;
      this.until = until;
    }
  }

  IntervalReader(ServiceAddress service) {
    this.source = service.resolve(PATH);
    this.secret = service.secret();
    this.thread = new Thread(this::keepReading, "aws-event-cache-intervals");
    thread.setDaemon(true);
  }

  void start() {
    if (source != null) {
      log.info("aws-event-cache bridge: agent intervals come from {}", source);
      thread.start();
    }
  }

  void end() {
    thread.interrupt();
  }

  /** The interval that the service wants for an agent; 0 if it says nothing of it, or has been silent for too long. */
  long millis(String agentType) {
    Known current = known;
    return System.nanoTime() - current.until < 0 ? current.millis.getOrDefault(agentType, 0L) : 0;
  }

  private void keepReading() {
    try {
      while (true) {
        readOnce();
        TimeUnit.MILLISECONDS.sleep(EVERY.toMillis());
      }
    } catch (InterruptedException e) {
      log.debug("aws-event-cache bridge: no more intervals are read");
    }
  }

  private void readOnce() throws InterruptedException {
    try {
      IntervalsAnswer answer = IntervalsAnswer.parse(read());
      known = new Known(answer.millis(), System.nanoTime() + TimeUnit.SECONDS.toNanos(answer.validForSeconds()));
      if (!Boolean.TRUE.equals(well)) {
        log.info("aws-event-cache bridge: the service sets the intervals of {} agents", answer.millis().size());
      }
      well = true;
    } catch (IOException | RuntimeException e) {
      // What was said before holds until its time is over.
      if (!Boolean.FALSE.equals(well)) {
        log.warn("aws-event-cache bridge: no intervals from {}, so Clouddriver's own apply soon: {}", source, e.toString());
      }
      well = false;
    }
  }

  private byte[] read() throws IOException, InterruptedException {
    HttpRequest.Builder request = HttpRequest.newBuilder(source).timeout(WITHIN).GET();
    if (!secret.isEmpty()) {
      request.setHeader("Authorization", "Bearer " + secret);
    }
    HttpResponse<byte[]> answer = client.exchange(request.build(), WITHIN, LARGEST);
    if (answer.statusCode() != 200) {
      throw new IOException("status " + answer.statusCode());
    }
    return answer.body();
  }
}
