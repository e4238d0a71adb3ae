package io.awseventcache.bridge.clouddriver;

import com.netflix.spinnaker.cats.agent.Agent;
import com.netflix.spinnaker.cats.cluster.AgentIntervalProvider;
import io.awseventcache.bridge.service.ServiceAddress;
import io.awseventcache.bridge.service.Settings;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.DisposableBean;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.core.env.Environment;

/**
 * Clouddriver's own intervals, longer where AWS Event Cache says so. Never shorter, so that the worst that can come of it is a delay, and never longer than a bound:
 * an agent that was put off stays off until its time comes, also when the service dies a moment later.
 *
 * <p>Schedulers ask for hundreds of agents at each tick, on the thread that starts them: what the service says is read by another thread, and only looked up here.
 */
public class RemoteIntervalProvider implements AgentIntervalProvider, DisposableBean {

  /** The bean of Clouddriver that this one stands before. */
  private static final String STOCK = "agentIntervalProvider";

  /** Clouddriver's shipped values, for the case that it has no such bean. */
  private static final Interval SHIPPED = new Interval(30_000, 30_000, 300_000);

  /** So long at most may an agent be put off, unless the operator says otherwise. With the interval itself it is the service's "within two minutes". */
  private static final long CAP_SECONDS = 110;

  private static final Logger log = LoggerFactory.getLogger(RemoteIntervalProvider.class);

  private final ListableBeanFactory beans;
  private final AgentLauncher launcher;
  private final IntervalReader reader;
  private final long capMillis;
  private volatile AgentIntervalProvider stock;

  public RemoteIntervalProvider(ListableBeanFactory beans, AgentLauncher launcher, ServiceAddress service, Environment environment) {
    this.beans = beans;
    this.launcher = launcher;
    this.capMillis = 1_000 * cap(new Settings(environment).text("aws-event-cache.max-interval-seconds", Long.toString(CAP_SECONDS)));
    this.reader = new IntervalReader(service);
    reader.start();
  }

  @Override
  public Interval getInterval(Agent agent) {
    Interval own = stock(agent);
    if (launcher.asked(agent)) {
      return new Interval(0, 0, own.getTimeout());
    }
    long given = reader.millis(agent.getAgentType());
    long longer = Math.max(own.getInterval(), Math.min(given, capMillis));
    return longer == own.getInterval() ? own : new Interval(longer, own.getErrorInterval(), own.getTimeout());
  }

  /** What Clouddriver would do by itself. */
  Interval stock(Agent agent) {
    AgentIntervalProvider found = stock;
    if (found == null) {
      found = findStock();
      stock = found;
    }
    return found.getInterval(agent);
  }

  /** By name: by type this bean is the primary one and would find itself. */
  private AgentIntervalProvider findStock() {
    if (beans.containsBean(STOCK)) {
      return beans.getBean(STOCK, AgentIntervalProvider.class);
    }
    for (AgentIntervalProvider other : beans.getBeansOfType(AgentIntervalProvider.class).values()) {
      if (other != this) {
        return other;
      }
    }
    log.error("aws-event-cache bridge: Clouddriver has no intervals of its own here; 30 s are assumed");
    return agent -> SHIPPED;
  }

  private static long cap(String given) {
    try {
      long seconds = given == null ? CAP_SECONDS : Long.parseLong(given);
      if (seconds >= 1 && seconds <= 86_400) {
        return seconds;
      }
    } catch (NumberFormatException e) {
      // As for a number that is out of range.
    }
    log.error("aws-event-cache.max-interval-seconds must be a number from 1 to 86400; {} is used", CAP_SECONDS);
    return CAP_SECONDS;
  }

  @Override
  public void destroy() {
    reader.end();
  }
}
