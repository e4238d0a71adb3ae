package hosts.clouddriver;

import com.netflix.spinnaker.clouddriver.cache.AgentSchedulerConfig;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;

/** First by its name: the Redis scheduler must be there before Clouddriver's cache configuration asks whether it needs one of its own. */
@Configuration
@Import(AgentSchedulerConfig.class)
class ASchedulerFirst {}
