package io.awseventcache.bridge.clouddriver;

import com.netflix.spinnaker.cats.agent.Agent;
import com.netflix.spinnaker.cats.agent.ExecutionInstrumentation;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/**
 * Which agents run in this process, and how their last runs went. Clouddriver tells every bean of this interface. Runs in other replicas are not seen.
 *
 * <p>It also notes when the scheduler asked for an agent's interval: schedulers do so right before they take its lock, so an agent that was just asked about may be
 * about to start, and nobody has heard of its start yet.
 */
public class AgentRuns implements ExecutionInstrumentation {

  private final Map<String, Runs> agents = new ConcurrentHashMap<>();

  /** How an agent stands, as of one moment. */
  static final class Standing {

    static final Standing NEVER_RAN = new Standing(false, 0, 0, null);

    final boolean running;

    /** Epoch milliseconds; 0 if never. */
    final long lastStart;

    /** Epoch milliseconds; 0 if never. */
    final long lastEnd;

    /** Null if no run has ended. */
    final Boolean lastSucceeded;

    private Standing(boolean running, long lastStart, long lastEnd, Boolean lastSucceeded) {
      this.running = running;
      this.lastStart = lastStart;
      this.lastEnd = lastEnd;
      this.lastSucceeded = lastSucceeded;
    }
  }

  Standing of(String agentType) {
    Runs runs = agents.get(agentType);
    return runs == null ? Standing.NEVER_RAN : runs.standing();
  }

  /** The scheduler has asked for the agent's interval. */
  void asked(String agentType) {
    runs(agentType).asked(System.nanoTime());
  }

  /** Whether the scheduler asked for the agent's interval that lately and no run has begun since. */
  boolean mayBeStarting(String agentType, long withinMillis) {
    Runs runs = agents.get(agentType);
    return runs != null && runs.askedSince(System.nanoTime() - TimeUnit.MILLISECONDS.toNanos(withinMillis));
  }

  @Override
  public void executionStarted(Agent agent) {
    runs(agent.getAgentType()).started(System.currentTimeMillis());
  }

  @Override
  public void executionCompleted(Agent agent, long elapsedMs) {
    runs(agent.getAgentType()).ended(System.currentTimeMillis(), true);
  }

  @Override
  public void executionFailed(Agent agent, Throwable cause, long elapsedMs) {
    runs(agent.getAgentType()).ended(System.currentTimeMillis(), false);
  }

  private Runs runs(String agentType) {
    return agents.computeIfAbsent(agentType, unused -> new Runs());
  }

  private static final class Runs {
    /** More than one when something outside started a second run. */
    private int running;

    private long lastStart;
    private long lastEnd;
    private Boolean lastSucceeded;

    /** When the scheduler asked, unless a run has begun since. */
    private Long asked;

    synchronized void asked(long nanos) {
      asked = nanos;
    }

    synchronized boolean askedSince(long nanos) {
      return asked != null && asked - nanos >= 0;
    }

    synchronized void started(long now) {
      running++;
      lastStart = now;
      asked = null;
    }

    synchronized void ended(long now, boolean succeeded) {
      running = Math.max(0, running - 1);
      lastEnd = now;
      lastSucceeded = succeeded;
    }

    synchronized Standing standing() {
      return new Standing(running > 0, lastStart, lastEnd, lastSucceeded);
    }
  }
}
