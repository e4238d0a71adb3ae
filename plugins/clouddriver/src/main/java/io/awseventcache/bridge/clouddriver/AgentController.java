package io.awseventcache.bridge.clouddriver;

import com.netflix.spinnaker.cats.agent.Agent;
import io.awseventcache.bridge.service.ServiceAddress;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.http.HttpHeaders;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RestController;

/**
 * What AWS Event Cache asks of this replica of Clouddriver. Plain text, one agent a line and tabs between fields, because Clouddriver's JSON library is another one
 * in each release.
 */
@RestController
public class AgentController {

  /** In one request. The service asks in portions, so that a tick of the scheduler does not meet hundreds of agents that are due at once. */
  private static final int MOST_AGENTS = 100;

  /** Bytes of a request: an agent's type may have 500 characters, as long as the lock table's column. */
  private static final int LARGEST = 64 * 1024;

  private static final Logger log = LoggerFactory.getLogger(AgentController.class);

  private final AgentLauncher launcher;
  private final AgentRuns runs;
  private final RemoteIntervalProvider intervals;
  private final byte[] secret;

  public AgentController(AgentLauncher launcher, AgentRuns runs, RemoteIntervalProvider intervals, ServiceAddress service) {
    this.launcher = launcher;
    this.runs = runs;
    this.intervals = intervals;
    this.secret = service.secret().getBytes(StandardCharsets.UTF_8);
    log.info(
        "aws-event-cache bridge: agents can be run through POST /aws-event-cache/agents/run, {} a secret",
        secret.length == 0 ? "without" : "with");
  }

  /** One line for each agent of AWS: type, provider, stock interval in ms, idle or running, last start and end in epoch ms, how the last run went. */
  @GetMapping("/aws-event-cache/agents")
  public ResponseEntity<byte[]> agents(@RequestHeader HttpHeaders headers) {
    if (!isAllowed(headers)) {
      return refused();
    }
    return text(200, launcher.agents().values().stream().map(this::line).collect(Collectors.joining()));
  }

  /** Makes the agents due whose types the body lists, one a line; answers a line for each: type and what came of it. */
  @PostMapping("/aws-event-cache/agents/run")
  public ResponseEntity<byte[]> run(@RequestHeader HttpHeaders headers, InputStream body) throws IOException {
    if (!isAllowed(headers)) {
      return refused();
    }
    String type = String.valueOf(headers.getFirst("Content-Type")).toLowerCase(Locale.ROOT);
    if (!type.startsWith("text/plain")) {
      return text(415, "the body must be text/plain, one agent type a line\n");
    }
    byte[] bytes = body.readNBytes(LARGEST + 1);
    if (bytes.length > LARGEST) {
      return text(413, "more than " + LARGEST + " bytes\n");
    }
    return run(bytes);
  }

  private ResponseEntity<byte[]> run(byte[] body) {
    List<String> agentTypes;
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(body)).toString();
      agentTypes = text.lines().map(String::strip).filter(line -> !line.isEmpty()).distinct().collect(Collectors.toList());
    } catch (CharacterCodingException e) {
      return text(400, "the body is not UTF-8\n");
    }
    if (agentTypes.isEmpty() || agentTypes.size() > MOST_AGENTS) {
      return text(400, agentTypes.size() + " agent types; from 1 to " + MOST_AGENTS + " are taken\n");
    }
    Map<String, AgentLauncher.Outcome> outcomes = launcher.launch(agentTypes);
    return text(
        200,
        outcomes.entrySet().stream()
            .map(one -> one.getKey() + "\t" + one.getValue().word() + "\n")
            .collect(Collectors.joining()));
  }

  private String line(Agent agent) {
    AgentRuns.Standing standing = runs.of(agent.getAgentType());
    return String.join(
            "\t",
            agent.getAgentType(),
            agent.getProviderName(),
            Long.toString(intervals.stock(agent).getInterval()),
            standing.running ? "running" : "idle",
            time(standing.lastStart),
            time(standing.lastEnd),
            standing.lastSucceeded == null ? "-" : standing.lastSucceeded ? "ok" : "failed")
        + "\n";
  }

  private static String time(long millis) {
    return millis == 0 ? "-" : Long.toString(millis);
  }

  /** In constant time: how long a comparison takes must not tell how much of a guess is right. */
  private boolean isAllowed(HttpHeaders headers) {
    String given = headers.getFirst(ServiceAddress.SECRET_HEADER);
    return secret.length == 0
        || given != null && MessageDigest.isEqual(secret, given.getBytes(StandardCharsets.UTF_8));
  }

  private static ResponseEntity<byte[]> refused() {
    return text(403, "the header " + ServiceAddress.SECRET_HEADER + " does not hold the secret\n");
  }

  private static ResponseEntity<byte[]> text(int status, String text) {
    return ResponseEntity.status(status)
        .header("Content-Type", "text/plain;charset=UTF-8")
        .body(text.getBytes(StandardCharsets.UTF_8));
  }
}
