package harness;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.jayway.jsonpath.JsonPath;
import com.netflix.spinnaker.orca.api.pipeline.models.ExecutionStatus;
import com.netflix.spinnaker.orca.api.pipeline.models.PipelineExecution;
import com.netflix.spinnaker.orca.api.pipeline.models.StageExecution;
import com.netflix.spinnaker.orca.config.UserConfiguredUrlRestrictions;
import com.netflix.spinnaker.orca.jackson.OrcaObjectMapper;
import com.netflix.spinnaker.orca.pipeline.util.ContextParameterProcessor;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The preconfigured webhook stage, as Orca runs it. Expressions, executions and the rules for URLs are Orca's own classes; the stage's two tasks are written after Orca's,
 * whose package is not published: what they send, take for an answer, repeat and give up is theirs, and so are the names in the stage's context.
 */
final class Stage {
  static final ObjectMapper MAPPER = OrcaObjectMapper.getInstance();

  private static final ContextParameterProcessor EXPRESSIONS = new ContextParameterProcessor();

  /** The rules as they are without configuration, but for loopback, where the service of a test is. {@link GateLike} asks the strict ones. */
  private static final UserConfiguredUrlRestrictions RULES =
      new UserConfiguredUrlRestrictions.Builder().withAllowedHostnamesRegex(".*\\..+").withRejectLocalhost(false).build();

  private static final HttpClient HTTP =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(15)).build();

  private final List<Webhook> webhooks;

  Stage(List<Webhook> webhooks) {
    this.webhooks = webhooks;
  }

  /** Runs an execution to its end: expressions before the plan and before each run of a task. */
  void run(PipelineExecution execution) {
    execution.setStatus(ExecutionStatus.RUNNING);
    ExecutionStatus status = ExecutionStatus.SUCCEEDED;
    for (StageExecution stage : execution.getStages()) {
      try {
        status = run(stage);
      } catch (Exception e) {
        status = ExecutionStatus.TERMINAL;
        Map<String, Object> details = Map.of("errors", List.of(String.valueOf(e.getMessage())));
        stage.getContext().put("exception", Map.of("exceptionType", e.getClass().getSimpleName(), "details", details));
      }
      stage.setStatus(status);
      if (status != ExecutionStatus.SUCCEEDED) {
        break;
      }
    }
    execution.setStatus(status);
  }

  private ExecutionStatus run(StageExecution stage) throws InterruptedException {
    stage.setStatus(ExecutionStatus.RUNNING);
    evaluate(stage);
    plan(stage);
    ExecutionStatus created = repeat(stage, 10_000, this::create);
    if (created != ExecutionStatus.SUCCEEDED || !Boolean.TRUE.equals(stage.getContext().get("waitForCompletion"))) {
      return created;
    }
    return repeat(stage, 1_000, this::monitor);
  }

  /** What is configured overrides what the stage says; the rest is the stage's. */
  private void plan(StageExecution stage) {
    Webhook webhook =
        webhooks.stream().filter(one -> one.isEnabled() && one.getType().equals(stage.getType())).findFirst().orElseThrow(
            () -> new IllegalArgumentException("Could not find a stage named '" + stage.getType() + "'"));
    Map<String, Object> fields = map(webhook);
    fields.keySet().removeAll(Webhook.NOT_IN_THE_STAGE);
    stage.getContext().putAll(fields);
  }

  private interface Task {
    ExecutionStatus run(Map<String, Object> context) throws InterruptedException;
  }

  private ExecutionStatus repeat(StageExecution stage, long backoff, Task task) throws InterruptedException {
    while (true) {
      evaluate(stage);
      ExecutionStatus status = task.run(stage.getContext());
      if (status != ExecutionStatus.RUNNING) {
        return status;
      }
      Thread.sleep(backoff);
    }
  }

  private ExecutionStatus create(Map<String, Object> context) throws InterruptedException {
    Map<String, Object> webhook = new HashMap<>();
    context.put("webhook", webhook);
    String url = (String) context.get("url");
    try {
      HttpRequest.Builder request = request(context, url);
      HttpResponse<String> answer = send(request.method((String) context.get("method"), BodyPublishers.ofString((String) context.get("payload"))));
      webhook.put("statusCodeValue", answer.statusCode());
      webhook.put("body", body(answer));
      if (answer.statusCode() >= 400) {
        return refused(context, webhook, answer.statusCode());
      }
      if (!"webhookResponse".equals(context.get("statusUrlResolution"))) {
        throw new IllegalArgumentException("only webhookResponse is known here");
      }
      Object status = JsonPath.read(webhook.get("body"), (String) context.get("statusUrlJsonPath"));
      context.put("statusEndpoint", status);
      return ExecutionStatus.SUCCEEDED;
    } catch (IOException e) {
      webhook.put("error", "An exception occurred performing a POST request to " + url + ". " + e);
      return ExecutionStatus.TERMINAL;
    }
  }

  private static ExecutionStatus refused(Map<String, Object> context, Map<String, Object> webhook, int status) {
    if (((List<?>) context.get("failFastStatusCodes")).contains(status)) {
      webhook.put("error", "Received status code " + status + ", which is configured to fail fast, terminating stage");
      return ExecutionStatus.TERMINAL;
    }
    webhook.put("error", "Error submitting webhook with status code " + status);
    return status >= 500 || status == 429 ? ExecutionStatus.RUNNING : ExecutionStatus.TERMINAL;
  }

  private ExecutionStatus monitor(Map<String, Object> context) throws InterruptedException {
    Map<String, Object> webhook = new HashMap<>(map(context.get("webhook")));
    Map<String, Object> monitor = new HashMap<>();
    webhook.put("monitor", monitor);
    context.put("webhook", webhook);
    try {
      HttpResponse<String> answer = send(request(context, (String) context.get("statusEndpoint")).GET());
      monitor.put("statusCodeValue", answer.statusCode());
      monitor.put("body", body(answer));
      if (answer.statusCode() >= 400) {
        monitor.put("error", "an exception occurred in webhook monitor: " + answer.statusCode());
        return answer.statusCode() >= 500 || answer.statusCode() == 429 ? ExecutionStatus.RUNNING : ExecutionStatus.TERMINAL;
      }
    } catch (IOException e) {
      monitor.put("error", "an exception occurred in webhook monitor: " + e);
      return ExecutionStatus.TERMINAL;
    }
    return judged(context, monitor);
  }

  private static ExecutionStatus judged(Map<String, Object> context, Map<String, Object> monitor) {
    Object status = JsonPath.read(monitor.get("body"), (String) context.get("statusJsonPath"));
    Object progress = JsonPath.read(monitor.get("body"), (String) context.get("progressJsonPath"));
    if (!(status instanceof String) || !(progress instanceof String)) {
      monitor.put("error", "The json path did not resolve to a String value");
      return ExecutionStatus.TERMINAL;
    }
    monitor.put("progressMessage", progress);
    Map<String, ExecutionStatus> ends =
        Map.of("successStatuses", ExecutionStatus.SUCCEEDED, "canceledStatuses", ExecutionStatus.CANCELED, "terminalStatuses", ExecutionStatus.TERMINAL);
    for (Map.Entry<String, ExecutionStatus> end : ends.entrySet()) {
      for (String word : String.valueOf(context.get(end.getKey())).split(",")) {
        if (word.trim().equalsIgnoreCase((String) status)) {
          return end.getValue();
        }
      }
    }
    return ExecutionStatus.RUNNING;
  }

  private static HttpRequest.Builder request(Map<String, Object> context, String url) {
    HttpRequest.Builder request = HttpRequest.newBuilder(RULES.validateURI(url)).timeout(Duration.ofSeconds(20));
    map(context.get("customHeaders")).forEach((name, values) -> ((List<?>) values).forEach(value -> request.header(name, (String) value)));
    return request;
  }

  private static HttpResponse<String> send(HttpRequest.Builder request) throws IOException, InterruptedException {
    return HTTP.send(request.build(), BodyHandlers.ofString());
  }

  private static Object body(HttpResponse<String> answer) throws IOException {
    boolean json = answer.headers().firstValue("content-type").orElse("").startsWith("application/json");
    return json ? MAPPER.readValue(answer.body(), Object.class) : answer.body();
  }

  /** Also by way of JSON, as when Orca stores it between two runs. */
  private static void evaluate(StageExecution stage) {
    stage.setContext(map(stage.getContext()));
    stage.setContext(EXPRESSIONS.process(stage.getContext(), EXPRESSIONS.buildExecutionContext(stage), true));
  }

  @SuppressWarnings("unchecked")
  static Map<String, Object> map(Object object) {
    return new HashMap<>(MAPPER.convertValue(object, Map.class));
  }

  /** Why Orca's rules, as they are without configuration, refuse a URL; empty if they do not. */
  static String refusal(String url) {
    UserConfiguredUrlRestrictions.Builder rules = new UserConfiguredUrlRestrictions.Builder();
    // The default lay in the configuration before it lay in the class.
    if (rules.getAllowedHostnamesRegex().isEmpty()) {
      rules.setAllowedHostnamesRegex(".*");
    }
    try {
      URI uri = rules.build().validateURI(url);
      return uri.toString().equals(url) ? "" : "it is another URL: " + uri;
    } catch (IllegalArgumentException e) {
      return String.valueOf(e.getMessage());
    }
  }
}
