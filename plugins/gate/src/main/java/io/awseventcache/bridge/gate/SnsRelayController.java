package io.awseventcache.bridge.gate;

import io.awseventcache.bridge.service.ServiceAddress;
import java.io.IOException;
import java.io.InputStream;
import java.util.Locale;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.http.HttpHeaders;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RestController;

/**
 * Hands what SNS posts to Gate, byte for byte, to AWS Event Cache. Nothing is parsed or judged here: signature, topic and age are the service's business.
 *
 * <p>The path lies where Gate needs no login, beside its own webhooks. The body is a stream and not a parameter that Spring converts: no content type is refused
 * then, and no more than the limit is ever in memory.
 */
@RestController
public class SnsRelayController {

  /** Twice the longest message of SNS: inside an envelope, as JSON text, a message grows. */
  private static final int LARGEST = 512 * 1024;

  private static final Logger log = LoggerFactory.getLogger(SnsRelayController.class);

  private final Relay relay;

  public SnsRelayController(ServiceAddress service) {
    this.relay = new Relay(service);
    if (relay.target() != null) {
      log.info("aws-event-cache bridge: POST /webhooks/aws-event-cache goes to {}", relay.target());
    }
  }

  @PostMapping("/webhooks/aws-event-cache")
  public ResponseEntity<byte[]> relay(@RequestHeader HttpHeaders headers, InputStream body) throws IOException {
    if (isMultipart(headers.getFirst("Content-Type"))) {
      // Spring has read such a body by now, and what is left is empty.
      return answer(Reply.text(415, "multipart bodies are not relayed"));
    }
    if (declaredLength(headers.getFirst("Content-Length")) > LARGEST) {
      return answer(Reply.text(413, "message too large"));
    }
    byte[] message = body.readNBytes(LARGEST + 1);
    if (message.length > LARGEST) {
      return answer(Reply.text(413, "message too large"));
    }
    return answer(relay.send(headers::getFirst, message));
  }

  private static boolean isMultipart(String type) {
    return type != null && type.strip().toLowerCase(Locale.ROOT).startsWith("multipart/");
  }

  /** What the sender says; 0 if nothing that makes sense, since the body is counted as well. */
  private static long declaredLength(String length) {
    try {
      return length == null ? 0 : Long.parseLong(length.strip());
    } catch (NumberFormatException e) {
      return 0;
    }
  }

  private static ResponseEntity<byte[]> answer(Reply reply) {
    return ResponseEntity.status(reply.status).header("Content-Type", reply.type).body(reply.body);
  }
}
