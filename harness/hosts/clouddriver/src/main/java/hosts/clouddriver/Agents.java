package hosts.clouddriver;

import com.netflix.spinnaker.cats.agent.Agent;
import com.netflix.spinnaker.cats.agent.AgentDataType;
import com.netflix.spinnaker.cats.agent.CacheResult;
import com.netflix.spinnaker.cats.agent.CachingAgent;
import com.netflix.spinnaker.cats.agent.DefaultCacheResult;
import com.netflix.spinnaker.cats.provider.Provider;
import com.netflix.spinnaker.cats.provider.ProviderCache;
import com.netflix.spinnaker.clouddriver.cache.CustomScheduledAgent;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Agents that read nothing and note when they ran: quick ones, one that takes long, one that fails, one with an interval of its own, one that is switched off. */
@Configuration
public class Agents {

  private static final String AWS = "com.netflix.spinnaker.clouddriver.aws.provider.AwsProvider";

  /** Start and end of every run, in epoch milliseconds. */
  static final Map<String, List<long[]>> RUNS = new ConcurrentHashMap<>();

  @Bean
  Provider aws() {
    List<Agent> agents = new ArrayList<>();
    agents.add(new Noting("prod/us-west-2/QuickAgent", AWS, 20, false));
    agents.add(new Noting("prod/us-east-1/QuickAgent", AWS, 20, false));
    agents.add(new Noting("prod/us-west-2/SlowAgent", AWS, 4_000, false));
    agents.add(new Noting("prod/us-west-2/FailingAgent", AWS, 20, true));
    agents.add(new Noting("prod/us-west-2/SwitchedOffAgent", AWS, 20, false));
    agents.add(new Hourly("prod/us-west-2/HourlyAgent", AWS));
    return new Fixed(AWS, agents);
  }

  @Bean
  Provider other() {
    return new Fixed("kubernetes", List.of(new Noting("cluster/CoreAgent", "kubernetes", 20, false)));
  }

  private static final class Fixed implements Provider {
    private final String name;
    private final List<Agent> agents;

    Fixed(String name, List<Agent> agents) {
      this.name = name;
      this.agents = agents;
    }

    @Override
    public String getProviderName() {
      return name;
    }

    @Override
    public Collection<Agent> getAgents() {
      return agents;
    }
  }

  private static class Noting implements CachingAgent {
    private final String type;
    private final String provider;
    private final long takesMillis;
    private final boolean fails;

    Noting(String type, String provider, long takesMillis, boolean fails) {
      this.type = type;
      this.provider = provider;
      this.takesMillis = takesMillis;
      this.fails = fails;
    }

    @Override
    public String getAgentType() {
      return type;
    }

    @Override
    public String getProviderName() {
      return provider;
    }

    @Override
    public Collection<AgentDataType> getProvidedDataTypes() {
      return List.of(AgentDataType.Authority.AUTHORITATIVE.forType("things"));
    }

    @Override
    public CacheResult loadData(ProviderCache cache) {
      long start = System.currentTimeMillis();
      try {
        Thread.sleep(takesMillis);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      RUNS.computeIfAbsent(type, unused -> new CopyOnWriteArrayList<>()).add(new long[] {start, System.currentTimeMillis()});
      if (fails) {
        throw new IllegalStateException("fails, as it should");
      }
      return new DefaultCacheResult(Map.of("things", List.of()));
    }
  }

  private static final class Hourly extends Noting implements CustomScheduledAgent {
    Hourly(String type, String provider) {
      super(type, provider, 20, false);
    }

    @Override
    public long getPollIntervalMillis() {
      return 3_600_000;
    }

    @Override
    public long getTimeoutMillis() {
      return 60_000;
    }
  }
}
