package hosts.clouddriver;

import com.netflix.spinnaker.clouddriver.cache.AgentSchedulerConfig;
import org.springframework.context.annotation.ComponentScan;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.FilterType;

/** The rest of Clouddriver's cache package. By scan, because some of its classes are not public. */
@Configuration
@ComponentScan(
    basePackages = "com.netflix.spinnaker.clouddriver.cache",
    excludeFilters = @ComponentScan.Filter(type = FilterType.ASSIGNABLE_TYPE, classes = AgentSchedulerConfig.class))
class Cache {}
