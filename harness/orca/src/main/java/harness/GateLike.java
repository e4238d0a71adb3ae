package harness;

import com.fasterxml.jackson.databind.JsonNode;
import com.netflix.spinnaker.orca.api.pipeline.models.ExecutionType;
import com.netflix.spinnaker.orca.api.pipeline.models.PipelineExecution;
import com.netflix.spinnaker.orca.pipeline.model.DefaultTrigger;
import com.netflix.spinnaker.orca.pipeline.model.PipelineExecutionImpl;
import com.netflix.spinnaker.orca.pipeline.model.StageExecutionImpl;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.core.env.Environment;

/**
 * The few calls of Gate that order a stage and watch it, for Deck, spin and scripts, before Orca's own stage.
 *
 * <p>Environment: HARNESS_PORT, HARNESS_PIPELINES (a folder of pipeline JSON files), HARNESS_STATIC (a folder served as it is).
 */
public class GateLike {
  private final List<Webhook> webhooks;
  private final Stage stage;
  private final Path pipelines;
  private final Path files;
  private final Map<String, PipelineExecution> executions = new ConcurrentHashMap<>();

  /** Spring is here for its way of reading configuration only. */
  static final class NoBeans {}

  private GateLike(List<Webhook> webhooks, Path pipelines, Path files) {
    this.webhooks = webhooks;
    this.stage = new Stage(webhooks);
    this.pipelines = pipelines;
    this.files = files;
  }

  public static void main(String[] arguments) throws IOException {
    SpringApplication application = new SpringApplication(NoBeans.class);
    application.setWebApplicationType(WebApplicationType.NONE);
    // Placeholders for the environment's variables are filled in here, as in Orca's own configuration.
    Environment profile = application.run(arguments).getEnvironment();
    List<Webhook> webhooks = Binder.get(profile).bind("webhook.preconfigured", Bindable.listOf(Webhook.class)).orElse(List.of());
    Map<String, String> environment = System.getenv();
    Path pipelines = Path.of(environment.getOrDefault("HARNESS_PIPELINES", "."));
    Path files = Path.of(environment.getOrDefault("HARNESS_STATIC", ".")).toRealPath();
    GateLike gate = new GateLike(webhooks, pipelines, files);
    int port = Integer.parseInt(environment.getOrDefault("HARNESS_PORT", "0"));
    HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    server.setExecutor(Executors.newFixedThreadPool(8));
    server.createContext("/", gate::handle);
    server.start();
    System.out.println("{\"listening\": " + server.getAddress().getPort() + "}");
  }

  private void handle(HttpExchange exchange) throws IOException {
    try {
      answer(exchange, exchange.getRequestMethod() + " " + exchange.getRequestURI().getPath());
    } catch (Exception e) {
      e.printStackTrace();
      send(exchange, 500, Map.of("error", "Internal Server Error", "message", String.valueOf(e.getMessage())));
    } finally {
      exchange.close();
    }
  }

  private void answer(HttpExchange exchange, String call) throws IOException {
    String[] parts = call.substring(call.indexOf('/') + 1).split("/");
    if (call.equals("POST /tasks")) {
      send(exchange, 200, Map.of("ref", "/tasks/" + start(task(read(exchange)))));
    } else if (call.startsWith("GET /tasks/") && executions.containsKey(parts[1])) {
      send(exchange, 200, view(executions.get(parts[1])));
    } else if (call.startsWith("POST /pipelines/v2/") && parts.length == 4) {
      String id = start(pipeline(parts[2], parts[3], read(exchange), exchange.getRequestHeaders().getFirst("X-SPINNAKER-USER")));
      send(exchange, 202, Map.of("eventId", id, "ref", "/pipelines/" + id));
    } else if (call.startsWith("GET /pipelines/") && executions.containsKey(parts[1])) {
      send(exchange, 200, executions.get(parts[1]));
    } else if (call.equals("GET /webhooks/preconfigured")) {
      send(exchange, 200, described());
    } else if (call.equals("GET /harness/url")) {
      send(exchange, 200, Map.of("refused", Stage.refusal(exchange.getRequestURI().getQuery())));
    } else if (call.startsWith("GET /")) {
      file(exchange, call.substring("GET /".length()));
    } else {
      send(exchange, 404, Map.of("error", "Not Found", "message", call));
    }
  }

  private String start(PipelineExecution execution) {
    executions.put(execution.getId(), execution);
    Thread thread = new Thread(() -> stage.run(execution));
    thread.setDaemon(true);
    thread.start();
    return execution.getId();
  }

  /** What Orca makes of the body of POST /tasks: each job is a stage. */
  private static PipelineExecution task(JsonNode body) {
    PipelineExecutionImpl execution = new PipelineExecutionImpl(ExecutionType.ORCHESTRATION, body.path("application").asText());
    execution.setDescription(body.path("description").asText());
    body.path("job").forEach(job -> addStage(execution, job));
    return execution;
  }

  /** What Echo and Orca make of a saved pipeline and a manual trigger: parameters that are not given have their defaults. */
  private PipelineExecution pipeline(String application, String name, JsonNode trigger, String user) throws IOException {
    JsonNode saved = saved(application, name);
    Map<String, Object> parameters = new HashMap<>();
    saved.path("parameterConfig").forEach(one -> parameters.put(one.path("name").asText(), one.path("default").asText()));
    // A script gives the trigger itself; spin wraps it.
    JsonNode given = trigger.has("trigger") ? trigger.get("trigger") : trigger;
    given.path("parameters").fields().forEachRemaining(one -> parameters.put(one.getKey(), one.getValue().asText()));
    PipelineExecutionImpl execution = new PipelineExecutionImpl(ExecutionType.PIPELINE, application);
    execution.setName(name);
    execution.setSpelEvaluator(saved.path("spelEvaluator").asText(null));
    execution.setAuthentication(new PipelineExecution.AuthenticationDetails(user == null ? "anonymous" : user));
    execution.setTrigger(new DefaultTrigger("manual", null, user, parameters));
    saved.path("stages").forEach(stage -> addStage(execution, stage));
    return execution;
  }

  private JsonNode saved(String application, String name) throws IOException {
    try (var all = Files.list(pipelines)) {
      for (Path file : (Iterable<Path>) all.filter(path -> path.toString().endsWith(".json"))::iterator) {
        JsonNode pipeline = Stage.MAPPER.readTree(file.toFile());
        if (pipeline.path("application").asText().equals(application) && pipeline.path("name").asText().equals(name)) {
          return pipeline;
        }
      }
    }
    throw new IllegalArgumentException("no pipeline " + name + " of " + application);
  }

  @SuppressWarnings("unchecked")
  private static void addStage(PipelineExecutionImpl execution, JsonNode stage) {
    Map<String, Object> context = Stage.MAPPER.convertValue(stage, Map.class);
    String type = (String) context.remove("type");
    execution.getStages().add(new StageExecutionImpl(execution, type, (String) context.remove("name"), context));
  }

  /** A task as Gate shows it. */
  private static Map<String, Object> view(PipelineExecution execution) {
    List<Map<String, Object>> variables = new ArrayList<>();
    execution.getStages().forEach(stage -> new HashMap<>(stage.getContext()).forEach((key, value) -> {
      Map<String, Object> variable = new HashMap<>();
      variable.put("key", key);
      variable.put("value", value);
      variables.add(variable);
    }));
    Map<String, Object> view = new HashMap<>();
    view.put("id", execution.getId());
    view.put("name", execution.getDescription());
    view.put("application", execution.getApplication());
    view.put("status", execution.getStatus());
    view.put("variables", variables);
    view.put("execution", execution);
    return view;
  }

  /** The stages that Deck offers. Headers and payload are nobody's business. */
  private List<Map<String, Object>> described() {
    List<Map<String, Object>> all = new ArrayList<>();
    webhooks.stream().filter(Webhook::isEnabled).forEach(webhook -> all.add(Map.of("type", webhook.getType(), "label", webhook.getLabel(),
        "description", webhook.getDescription(), "parameters", webhook.getParameters(), "waitForCompletion", webhook.getWaitForCompletion())));
    return all;
  }

  private void file(HttpExchange exchange, String path) throws IOException {
    Path file = files.resolve(path.isEmpty() ? "index.html" : path).normalize();
    if (!file.startsWith(files) || !Files.isRegularFile(file)) {
      send(exchange, 404, Map.of("error", "Not Found"));
      return;
    }
    String name = file.getFileName().toString();
    String type = name.endsWith(".js") ? "application/javascript" : name.endsWith(".css") ? "text/css" : name.endsWith(".html") ? "text/html" : name.endsWith(".json") ? "application/json" : "application/octet-stream";
    send(exchange, 200, type, Files.readAllBytes(file));
  }

  private static JsonNode read(HttpExchange exchange) throws IOException {
    return Stage.MAPPER.readTree(exchange.getRequestBody());
  }

  private static void send(HttpExchange exchange, int status, Object body) throws IOException {
    send(exchange, status, "application/json", Stage.MAPPER.writeValueAsString(body).getBytes(StandardCharsets.UTF_8));
  }

  private static void send(HttpExchange exchange, int status, String type, byte[] body) throws IOException {
    exchange.getResponseHeaders().set("Content-Type", type);
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
  }
}
