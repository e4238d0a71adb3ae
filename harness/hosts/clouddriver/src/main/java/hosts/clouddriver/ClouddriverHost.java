package hosts.clouddriver;

import com.netflix.spectator.api.DefaultRegistry;
import com.netflix.spectator.api.Registry;
import com.netflix.spinnaker.clouddriver.core.RedisConfig;
import com.netflix.spinnaker.config.PluginsAutoConfiguration;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;

/** Clouddriver's scheduler, intervals and cache, unchanged, with agents of our own whose runs tests can foresee. */
@SpringBootApplication
@EnableConfigurationProperties
@Import({PluginsAutoConfiguration.class, RedisConfig.class})
public class ClouddriverHost {

  public static void main(String[] args) {
    SpringApplication.run(ClouddriverHost.class, args);
  }

  @Bean
  @ConditionalOnMissingBean(Registry.class)
  Registry registry() {
    return new DefaultRegistry();
  }
}
