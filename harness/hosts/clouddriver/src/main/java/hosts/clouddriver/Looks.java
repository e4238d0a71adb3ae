package hosts.clouddriver;

import com.netflix.spinnaker.cats.agent.Agent;
import com.netflix.spinnaker.cats.cluster.AgentIntervalProvider;
import com.netflix.spinnaker.cats.module.CatsModule;
import com.netflix.spinnaker.cats.provider.Provider;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** What tests look at. */
@RestController
class Looks {

  private final BeanFactory beans;

  Looks(BeanFactory beans) {
    this.beans = beans;
  }

  /** Start and end of every run that has ended, by agent. */
  @GetMapping("/test/runs")
  Map<String, List<long[]>> runs() {
    return new TreeMap<>(Agents.RUNS);
  }

  /** Interval, error interval and timeout in milliseconds, by agent, as Clouddriver's scheduler gets them. */
  @GetMapping("/test/intervals")
  Map<String, List<Long>> intervals() {
    AgentIntervalProvider provider = beans.getBean(AgentIntervalProvider.class);
    Map<String, List<Long>> found = new TreeMap<>();
    for (Agent agent : agents()) {
      AgentIntervalProvider.Interval interval = provider.getInterval(agent);
      found.put(
          agent.getAgentType(), List.of(interval.getInterval(), interval.getErrorInterval(), interval.getTimeout()));
    }
    return found;
  }

  /** The scheduler's class. */
  @GetMapping("/test/scheduler")
  Map<String, String> scheduler() {
    return Map.of("class", beans.getBean(CatsModule.class).getAgentScheduler().getClass().getName());
  }

  private List<Agent> agents() {
    List<Agent> all = new ArrayList<>();
    for (Provider provider : beans.getBean(CatsModule.class).getProviderRegistry().getProviders()) {
      all.addAll(provider.getAgents());
    }
    return all;
  }
}
