package io.awseventcache.bridge.clouddriver;

import com.netflix.spinnaker.cats.agent.Agent;
import com.netflix.spinnaker.cats.agent.AgentExecution;
import com.netflix.spinnaker.cats.agent.AgentScheduler;
import com.netflix.spinnaker.cats.agent.ExecutionInstrumentation;
import com.netflix.spinnaker.cats.module.CatsModule;
import com.netflix.spinnaker.cats.provider.Provider;
import io.awseventcache.bridge.service.Settings;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.core.env.Environment;

/**
 * Makes agents due at once, whichever scheduler Clouddriver has, and never one that runs here: its lock would be lost, and it would run twice at a time.
 *
 * <p>The lock of an agent that waits goes when the agent is taken out of the scheduler and put in again. The question is when that is safe. Between the moment when
 * the scheduler takes a lock and the moment when the run is announced nobody else can tell that the agent is not idle.
 *
 * <ul>
 *   <li>The Redis scheduler asks for the interval of each idle agent at each tick, right before it tries for the lock. In that call, on its own thread, the
 *       agent is surely idle here: that is where its lock is dropped, and the scheduler takes it anew a moment later.
 *   <li>The SQL scheduler asks only for agents whose lock has ended. An agent that it has not asked about lately is not about to start, so its lock is dropped
 *       straight away. So it is for schedulers that we do not know.
 *   <li>The pub/sub scheduler keeps no locks but compares times with the interval. It is told an interval of zero, once.
 * </ul>
 */
public class AgentLauncher {

  /** What a wish to have an agent run now comes to. */
  enum Outcome {
    /** It is due; the scheduler runs it at its next tick. */
    STARTED,
    /** It runs here, or is about to. Whoever wants a run that begins later must ask again. */
    RUNNING,
    /** This Clouddriver has no such agent. */
    UNKNOWN,
    /** This Clouddriver's settings keep the agent from running. */
    DISABLED;

    String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private enum Way {
    WHEN_ASKED,
    STRAIGHT_AWAY,
    BY_INTERVAL
  }

  /** How long after being asked about an agent may be about to start: a tick of the scheduler takes as long as taking the locks of all agents. */
  private static final long STARTING_MILLIS = 3_000;

  /** A wish that the scheduler has not asked for by then, because it is switched off, say, must not surprise anyone later. Pub/sub asks every 15 s. */
  private static final long WISH_SECONDS = 60;

  /** Words of which the name of a provider of AWS has one. Agents of other clouds are none of our business. */
  private static final String PROVIDERS = "aws,ecs,lambda";

  private static final Logger log = LoggerFactory.getLogger(AgentLauncher.class);

  private final BeanFactory beans;
  private final AgentRuns runs;
  private final AgentSwitches switches;
  private final List<String> providers;

  /** Agents that are to run when the scheduler asks next, and until when (nanoseconds). */
  private final Map<String, Long> wishes = new ConcurrentHashMap<>();

  public AgentLauncher(BeanFactory beans, AgentRuns runs, Environment environment) {
    this.beans = beans;
    this.runs = runs;
    this.switches = new AgentSwitches(environment);
    String given = new Settings(environment).text("aws-event-cache.providers", PROVIDERS);
    this.providers = List.of((given == null ? PROVIDERS : given).toLowerCase(Locale.ROOT).split("\\s*,\\s*"));
  }

  /** All agents of AWS, by type. */
  Map<String, Agent> agents() {
    Map<String, Agent> found = new LinkedHashMap<>();
    for (Provider provider : cats().getProviderRegistry().getProviders()) {
      if (isOfAws(provider.getProviderName())) {
        provider.getAgents().forEach(agent -> found.putIfAbsent(agent.getAgentType(), agent));
      }
    }
    return found;
  }

  /** Makes agents due, and says of each what came of it. */
  Map<String, Outcome> launch(Collection<String> agentTypes) {
    Map<String, Agent> known = agents();
    return new LinkedHashSet<>(agentTypes)
        .stream()
            .collect(
                Collectors.toMap(type -> type, type -> launch(known.get(type)), (one, other) -> one, LinkedHashMap::new));
  }

  private Outcome launch(Agent agent) {
    if (agent == null) {
      return Outcome.UNKNOWN;
    }
    String type = agent.getAgentType();
    AgentScheduler<?> scheduler = cats().getAgentScheduler();
    if (switches.areOff(type, scheduler.getClass().getSimpleName())) {
      return Outcome.DISABLED;
    }
    if (runs.of(type).running) {
      return Outcome.RUNNING;
    }
    if (way(scheduler) != Way.STRAIGHT_AWAY) {
      wishes.put(type, System.nanoTime() + TimeUnit.SECONDS.toNanos(WISH_SECONDS));
      return Outcome.STARTED;
    }
    if (runs.mayBeStarting(type, STARTING_MILLIS)) {
      return Outcome.RUNNING;
    }
    dropLock(agent);
    return Outcome.STARTED;
  }

  /**
   * The scheduler asks for an agent's interval, on its own thread: if a run of the agent is wished for, it becomes due here.
   *
   * @return whether the scheduler is to be told that the agent's interval is over
   */
  boolean asked(Agent agent) {
    String type = agent.getAgentType();
    runs.asked(type);
    if (wishes.isEmpty()) {
      return false;
    }
    Long until = wishes.remove(type);
    if (until == null || until - System.nanoTime() < 0 || runs.of(type).running) {
      return false;
    }
    try {
      if (way(cats().getAgentScheduler()) == Way.BY_INTERVAL) {
        return true;
      }
      dropLock(agent);
    } catch (RuntimeException e) {
      // Thrown on, it would end the scheduler's tick, and with it the runs of all other agents.
      log.warn("aws-event-cache bridge: {} could not be made due: {}", type, e.toString());
    }
    return false;
  }

  private void dropLock(Agent agent) {
    CatsModule cats = cats();
    AgentScheduler<?> scheduler = cats.getAgentScheduler();
    // Made before the agent is taken out: while it is out, the scheduler may stumble over its absence.
    AgentExecution execution = agent.getAgentExecution(cats.getProviderRegistry());
    ExecutionInstrumentation instrumentation = cats.getExecutionInstrumentation();
    try {
      scheduler.unschedule(agent);
    } finally {
      scheduler.schedule(agent, execution, instrumentation);
    }
  }

  private static Way way(AgentScheduler<?> scheduler) {
    // By name: not every release has every one of them.
    switch (scheduler.getClass().getSimpleName()) {
      case "ClusteredAgentScheduler":
        return Way.WHEN_ASKED;
      case "PubSubAgentScheduler":
        return Way.BY_INTERVAL;
      default:
        return Way.STRAIGHT_AWAY;
    }
  }

  private boolean isOfAws(String provider) {
    String name = provider.toLowerCase(Locale.ROOT);
    return providers.stream().anyMatch(name::contains);
  }

  private CatsModule cats() {
    // Not in the constructor: it is made from beans that are made with ours.
    return beans.getBean(CatsModule.class);
  }
}
