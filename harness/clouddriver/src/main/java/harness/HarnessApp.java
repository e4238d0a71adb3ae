package harness;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.netflix.spinnaker.clouddriver.security.config.SecurityConfig;
import com.netflix.spinnaker.filters.AuthenticatedRequestFilter;
import java.util.Map;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.ComponentScan;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Primary;
import org.springframework.core.Ordered;
import org.springframework.http.converter.json.Jackson2ObjectMapperBuilder;
import org.springframework.scheduling.annotation.EnableScheduling;

/**
 * Clouddriver's published cache, scheduler, agents and AWS provider, under a web shell of our own: the module with its web layer is not published.
 *
 * <p>Every bean that decides what is polled, when, and what the cache then holds is Clouddriver's, unchanged.
 */
@Configuration
@EnableScheduling
@EnableAutoConfiguration
@Import({
  SecurityConfig.class,
  CloudController.class,
  DebugController.class,
  OperationsController.class
})
@ComponentScan({"com.netflix.spinnaker.config", "com.netflix.spinnaker.clouddriver.config"})
public class HarnessApp {

  public static void main(String[] args) {
    new SpringApplicationBuilder(HarnessApp.class)
        .properties(Map.of("spring.application.name", "clouddriver"))
        .run(args);
  }

  /** Who asks, from the headers of Spinnaker's services: the web module registers it in the same way. */
  @Bean
  FilterRegistrationBean<AuthenticatedRequestFilter> authenticatedRequestFilter() {
    FilterRegistrationBean<AuthenticatedRequestFilter> registration =
        new FilterRegistrationBean<>(new AuthenticatedRequestFilter(true));
    registration.setOrder(Ordered.HIGHEST_PRECEDENCE + 1);
    return registration;
  }

  /** Clouddriver's modules bring several mappers; Spring wants to be told which one is meant. */
  @Bean
  @Primary
  ObjectMapper objectMapper(Jackson2ObjectMapperBuilder builder) {
    return builder.createXmlMapper(false).build();
  }
}
