package io.awseventcache.bridge.service;

import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;

/** Calls to the service that are bounded in time, headers and body together, and in the size of the answer. */
public final class ServiceClient {

  /** In-cluster connections take milliseconds; a longer wait only delays the sender's own repetition. */
  private static final Duration CONNECT = Duration.ofSeconds(2);

  private final HttpClient client =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .followRedirects(HttpClient.Redirect.NEVER)
          // The service is a neighbour. A proxy that is set for the whole JVM, say for AWS, would neither know nor reach it.
          .proxy(HttpClient.Builder.NO_PROXY)
          .connectTimeout(CONNECT)
          .build();

  /**
   * One exchange.
   *
   * @param within for all of it. {@code HttpRequest.timeout} would end with the answer's headers, and a body that never comes would hold the thread for ever.
   * @param largest bytes of the answer's body; more is an error
   */
  public HttpResponse<byte[]> exchange(HttpRequest request, Duration within, int largest) throws IOException, InterruptedException {
    AtomicReference<LimitedBody> body = new AtomicReference<>();
    CompletableFuture<HttpResponse<byte[]>> call =
        client.sendAsync(
            request,
            head -> {
              LimitedBody limited = new LimitedBody(largest);
              body.set(limited);
              return limited;
            });
    boolean whole = false;
    try {
      HttpResponse<byte[]> answer = call.get(within.toMillis(), TimeUnit.MILLISECONDS);
      whole = true;
      return answer;
    } catch (TimeoutException e) {
      throw new HttpTimeoutException("no whole answer within " + within.toSeconds() + " s");
    } catch (ExecutionException e) {
      Throwable cause = e.getCause();
      throw cause instanceof IOException ? (IOException) cause : new IOException(cause);
    } finally {
      if (!whole) {
        abandon(call, body.get());
      }
    }
  }

  /** Cancelling the call closes its connection from JDK 16 on; before that only ending the body does. */
  private static void abandon(CompletableFuture<?> call, LimitedBody body) {
    call.cancel(true);
    if (body != null) {
      body.abandon();
    }
  }
}
